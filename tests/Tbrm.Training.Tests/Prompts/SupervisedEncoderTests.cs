using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core;
using Tbrm.Data;
using Tbrm.Engine;
using Tbrm.Text;

namespace Tbrm.Training.Tests.Prompts;

/// <summary>Which tokens of an example are learned.</summary>
public sealed class SupervisedEncoderTests
{
    private static readonly ChatMessage[] s_twoTurns = [new("user", "47 + 2?"), new("assistant", "49"), new("user", "and 1 more?"), new("assistant", "50")];

    private static readonly Tokenizer s_tokenizer = ScratchModel.TrainTokenizer(new(), new PromptList(
        [.. Enumerable.Range(0, 50).Select(i => new Prompt { DataSource = "t", Messages = [new("user", $"{i} + 2?")], GroundTruth = $"{i + 2}", Index = i })]));

    [Test]
    public void Prompt_and_response_are_rendered_as_a_rollout_would_see_them_and_the_end_is_learned()
    {
        ScoredSequence s = Encode(new([new("user", "47 + 2?")], "49", "here"))!.Value;
        Assert.That(Text(s.Prompt), Is.EqualTo("<|im_start|>user\n47 + 2?<|im_end|>\n<|im_start|>assistant\n"));
        Assert.That(Text(s.Response), Is.EqualTo("49<|im_end|>"));
        Assert.That(s.Mask.IsEmpty, Is.True, "all of it");
    }

    [Test]
    public void A_single_turn_is_the_same_as_messages()
    {
        ScoredSequence response = Encode(new([new("user", "47 + 2?")], "49", "here"))!.Value, messages = Encode(new([new("user", "47 + 2?"), new("assistant", "49")], null, "here"))!.Value;
        Assert.That(messages.Prompt.ToArray(), Is.EqualTo(response.Prompt.ToArray()));
        Assert.That(messages.Response.ToArray(), Is.EqualTo(response.Response.ToArray()), "without the line feed that the template puts behind the end");
        Assert.That(messages.Mask.IsEmpty, Is.True);
    }

    [Test]
    public void Every_turn_of_the_assistant_is_learned_with_its_end_and_nothing_else()
    {
        ScoredSequence s = Encode(new(s_twoTurns, null, "here"))!.Value;
        Assert.That(Text(s.Prompt) + Text(s.Response), Is.EqualTo(
            "<|im_start|>user\n47 + 2?<|im_end|>\n<|im_start|>assistant\n49<|im_end|>\n<|im_start|>user\nand 1 more?<|im_end|>\n<|im_start|>assistant\n50<|im_end|>"));
        Assert.That(Learned(s), Is.EqualTo("49<|im_end|>50<|im_end|>"));
        Assert.That(s.Rows, Is.EqualTo(s.Mask.ToArray().Count(m => m)));
    }

    [Test]
    public void The_last_turn_alone_is_learned_when_that_is_asked_for()
    {
        ScoredSequence s = Encode(new([.. s_twoTurns, new("user", "thanks")], null, "here"), new() { Sft = new() { Turns = "last" } })!.Value;
        Assert.That(Text(s.Prompt), Does.EndWith("and 1 more?<|im_end|>\n<|im_start|>assistant\n"));
        Assert.That(Text(s.Response), Is.EqualTo("50<|im_end|>"), "what follows it is not even read");
    }

    [Test]
    public void A_template_without_an_end_gets_the_end_token()
    {
        ScoredSequence s = Encode(new([new("user", "47 + 2="), new("assistant", "49")], null, "here"), new() { Data = new() { Template = "none" } })!.Value;
        Assert.That((Text(s.Prompt), Text(s.Response)), Is.EqualTo(("47 + 2=", "49<|im_end|>")));
    }

    [Test]
    public void A_template_that_rewrites_earlier_turns_is_refused_by_name_and_not_by_wrong_tokens()
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, "{% for m in messages %}[{{ loop.length }}]{{ m.role }}: {{ m.content }};{% endfor %}");
            Assert.That(() => Encode(new(s_twoTurns, null, "f.jsonl:3"), new() { Data = new() { Template = file } }),
                Throws.TypeOf<DataException>().With.Message.Contains("f.jsonl:3").And.Message.Contains("sft.turns=last"));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Test]
    public void What_is_too_long_is_left_out_or_cut_or_refused()
    {
        SupervisedExample example = new([new("user", "47 + 2?")], "123456789", "f.jsonl:3");
        DataConfig data = new() { MaxResponseLength = 4 };
        Assert.That(Encode(example, new() { Data = data }), Is.Null);
        Assert.That(Text(Encode(example, new() { Data = data with { FilterOverlongPrompts = false, Truncation = "right" } })!.Value.Response), Is.EqualTo("1234"));
        Assert.That(() => Encode(example, new() { Data = data with { FilterOverlongPrompts = false } }),
            Throws.TypeOf<DataException>().With.Message.Contains("f.jsonl:3").And.Message.Contains("data.max_response_length"));
    }

    [Test]
    public void A_mask_scores_the_rows_that_it_keeps_and_changes_none_of_them()
    {
        ScoredSequence masked = Encode(new(s_twoTurns, null, "here"))!.Value, whole = masked with { Mask = default };
        ModelArchitecture architecture = ScratchModel.Architecture(new() { HiddenSize = 32, IntermediateSize = 64, NumHiddenLayers = 2 }, s_tokenizer.VocabularySize, 256);
        using EngineDevice device = EngineDevice.Open("cpu", 1);
        using Policy policy = Policy.CreateRandom(device, architecture, new() { Bf16 = false, MaxPositions = 256, Trainable = false }, seed: 3, std: 0.1f);
        Scores all = policy.LogProb(new PackedBatch([whole]), 1), some = policy.LogProb(new PackedBatch([masked, masked]), 1);
        bool[] mask = masked.Mask.ToArray();
        float[] expected = [.. all.Q.Where((_, i) => mask[i])];
        Assert.That(some.Q, Is.EqualTo((float[])[.. expected, .. expected]));
        Assert.That(some.V, Has.Length.EqualTo(2 * expected.Length));
        Assert.That(() => new PackedBatch([masked with { Mask = new bool[3] }]), Throws.ArgumentException);
    }

    private static ScoredSequence? Encode(SupervisedExample example, RunConfig? config = null)
    {
        RunConfig used = config ?? new();
        return new SupervisedEncoder(new(s_tokenizer, null, used.Data), [s_tokenizer.EosId!.Value], used).Encode(example);
    }

    private static string Text(ReadOnlyMemory<int> ids) => s_tokenizer.Decode(ids.Span);

    private static string Learned(ScoredSequence s)
    {
        List<int> ids = [];
        for (int i = 0; i < s.Response.Length; i++)
        {
            if (s.Mask.Span[i])
            {
                ids.Add(s.Response.Span[i]);
            }
        }

        return Text(ids.ToArray());
    }
}
