using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Data.Prompts;
using Tbrm.Data.Sources;
using Tbrm.Engine;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Text.Tokenizers;
using Tbrm.Training.Prompts;

namespace Tbrm.Training.Tests.Prompts;

/// <summary>Which tokens of an example are learned.</summary>
public sealed class SupervisedEncoderTests
{
    private static readonly ChatMessage[] s_twoTurns =
        [new("user", "47 + 2?"), new("assistant", "49"), new("user", "and 1 more?"), new("assistant", "50")];

    private static readonly Tokenizer s_tokenizer = ScratchModel.TrainTokenizer(new(), new PromptList(
        [.. Enumerable.Range(0, 50)
            .Select(i => new Prompt { DataSource = "t", Messages = [new("user", $"{i} + 2?")], GroundTruth = $"{i + 2}",
            Index = i })]));

    /// <summary>Qwen3's template in small: thoughts stay only in turns after the last question, and the last turn
    /// always has one.</summary>
    private const string Qwen3 = """
        {%- set ns = namespace(last=0) %}{%- for m in messages %}{%- if m.role == 'user' %}{%- set ns.last = loop.index0 %}{%- endif %}{%- endfor %}
        {%- for m in messages %}
            {%- if m.role == 'user' %}{{- '<|im_start|>user\n' + m.content + '<|im_end|>\n' }}
            {%- else %}
                {%- set thought = '' %}{%- set said = m.content %}
                {%- if '</think>' in m.content %}
                    {%- set thought = m.content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}{%- set said = m.content.split('</think>')[-1].lstrip('\n') %}
                {%- endif %}
                {{- '<|im_start|>assistant\n' }}
                {%- if loop.index0 > ns.last and (loop.last or thought) %}{{- '<think>\n' + thought.strip('\n') + '\n</think>\n\n' }}{%- endif %}
                {{- said + '<|im_end|>\n' }}
            {%- endif %}
        {%- endfor %}
        {%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}
        """;

    /// <summary>DeepSeek-R1's template in small: no turn keeps its thought, and the generation prompt begins
    /// one.</summary>
    private const string R1 =
        "{% for m in messages %}{% if m.role == 'user' %}{{ '<u>' + m.content }}{% else %}{{ '<a>' + "
            + "m.content.split('</think>')[-1].lstrip('\\n') + '<|im_end|>' }}{% endif %}{% endfor %}"
        + "{% if add_generation_prompt %}{{ '<a><think>\\n' }}{% endif %}";

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
        ScoredSequence response = Encode(new([new("user", "47 + 2?")], "49", "here"))!.Value,
            messages = Encode(new([new("user", "47 + 2?"), new("assistant", "49")], null, "here"))!.Value;
        Assert.That(messages.Prompt.ToArray(), Is.EqualTo(response.Prompt.ToArray()));
        Assert.That(messages.Response.ToArray(), Is.EqualTo(response.Response.ToArray()),
            "without the line feed that the template puts behind the end");
        Assert.That(messages.Mask.IsEmpty, Is.True);
    }

    [Test]
    public void Every_turn_of_the_assistant_is_learned_with_its_end_and_nothing_else()
    {
        ScoredSequence s = Encode(new(s_twoTurns, null, "here"))!.Value;
        Assert.That(Text(s.Prompt) + Text(s.Response), Is.EqualTo(
            "<|im_start|>user\n47 + 2?<|im_end|>\n<|im_start|>assistant\n49<|im_end|>\n<|im_start|>user\nand 1 "
                + "more?<|im_end|>\n<|im_start|>assistant\n50<|im_end|>"));
        Assert.That(Learned(s), Is.EqualTo("49<|im_end|>50<|im_end|>"));
        Assert.That(s.Rows, Is.EqualTo(s.Mask.ToArray().Count(m => m)));
    }

    [Test]
    public void The_last_turn_alone_is_learned_when_that_is_asked_for()
    {
        ScoredSequence s = Encode(
            new([.. s_twoTurns, new("user", "thanks")], null, "here"), new() { Sft = new() { Turns = "last" } })!.Value;
        Assert.That(Text(s.Prompt), Does.EndWith("and 1 more?<|im_end|>\n<|im_start|>assistant\n"));
        Assert.That(Text(s.Response), Is.EqualTo("50<|im_end|>"), "what follows it is not even read");
    }

    [Test]
    public void A_template_without_an_end_gets_the_end_token()
    {
        ScoredSequence s = Encode(
            new([new("user", "47 + 2="), new("assistant", "49")], null, "here"),
            new() { Data = new() { Template = "none" } })!.Value;
        Assert.That((Text(s.Prompt), Text(s.Response)), Is.EqualTo(("47 + 2=", "49<|im_end|>")));
    }

    [Test]
    public void A_template_that_counts_the_turns_is_refused_with_advice_that_works()
    {
        const string template = "{% for m in messages %}[{{ loop.length }}]{{ m.role }}: {{ m.content }};{% endfor %}";
        Assert.That(() => EncodeBy(template, s_twoTurns),
            Throws.TypeOf<DataException>().With.Message.Contains("f.jsonl:3").And.Message.Contains("sft.turns=last"));
        ScoredSequence s = EncodeBy(template, s_twoTurns, turns: "last");
        Assert.That((Text(s.Prompt), Text(s.Response)),
            Is.EqualTo(("[3]user: 47 + 2?;[3]assistant: 49;[3]user: and 1 more?;", "50<|im_end|>")));
    }

    [Test]
    public void Qwen3_writes_an_empty_thought_into_the_last_turn_alone_and_every_turn_is_learned_as_it_stands()
    {
        ScoredSequence s = EncodeBy(Qwen3, s_twoTurns);
        const string whole =
            "<|im_start|>user\n47 + 2?<|im_end|>\n<|im_start|>assistant\n49<|im_end|>\n<|im_start|>user\nand 1 "
                + "more?<|im_end|>\n"
            + "<|im_start|>assistant\n<think>\n\n</think>\n\n50<|im_end|>";
        Assert.That((int[])[.. s.Prompt.Span, .. s.Response.Span], Is.EqualTo(s_tokenizer.Encode(whole)));
        Assert.That(Learned(s), Is.EqualTo("49<|im_end|><think>\n\n</think>\n\n50<|im_end|>"));
        ScoredSequence last = EncodeBy(Qwen3, s_twoTurns, turns: "last");
        Assert.That(Text(last.Response), Is.EqualTo("<think>\n\n</think>\n\n50<|im_end|>"));
        Assert.That(last.Prompt.Length + last.Response.Length, Is.EqualTo(s.Prompt.Length + s.Response.Length));
    }

    [Test]
    public void Qwen3_keeps_the_last_thought_and_drops_those_before()
    {
        ScoredSequence s = EncodeBy(
            Qwen3, [s_twoTurns[0], new("assistant", "<think>\nseven\n</think>\n\n49 \n"), s_twoTurns[2],
            new("assistant", "<think>\none\n</think>\n\n50")]);
        Assert.That(Learned(s), Is.EqualTo("49 \n<|im_end|><think>\none\n</think>\n\n50<|im_end|>"));
    }

    [TestCase("50", "\n</think>\n\n50<|im_end|>")]
    [TestCase("<think>\none\n</think>\n\n50", "one\n</think>\n\n50<|im_end|>")]
    [TestCase("one\n</think>\n\n50", "one\n</think>\n\n50<|im_end|>")]
    public void DeepSeek_r1_begins_the_thought_in_the_prompt_and_the_last_turn_goes_on_there(string said,
        string learned)
    {
        ChatMessage[] messages = [.. s_twoTurns[..3], new("assistant", said)];
        Assert.That(() => EncodeBy(R1, messages),
            Throws.TypeOf<DataException>().With.Message.Contains("sft.turns=last"));
        ScoredSequence s = EncodeBy(R1, messages, turns: "last");
        Assert.That((Text(s.Prompt), Text(s.Response)),
            Is.EqualTo(("<u>47 + 2?<a>49<|im_end|><u>and 1 more?<a><think>\n", learned)));
        Assert.That(Text(EncodeBy(R1, messages[2..]).Response), Is.EqualTo(learned), "a single turn is the last one");
    }

    [Test]
    public void A_template_that_drops_thoughts_does_not_drop_the_one_to_learn()
    {
        ChatMessage[] messages = [s_twoTurns[0], new("assistant", "<think>\nseven\n</think>\n\n49")];
        ScoredSequence s = EncodeBy(R1.Replace("<think>\\n", "", StringComparison.Ordinal), messages);
        Assert.That((Text(s.Prompt), Text(s.Response)),
            Is.EqualTo(("<u>47 + 2?<a>", "<think>\nseven\n</think>\n\n49<|im_end|>")));
    }

    [Test]
    public void A_turn_whose_end_no_stop_token_marks_is_learned_with_what_the_template_writes_behind_turns()
    {
        ScoredSequence s = EncodeBy(
            "{% for m in messages %}{{ m.role }}: {{ m.content | trim }}\n{% endfor %}{% if add_generation_prompt "
                + "%}assistant: {% endif %}",
            [s_twoTurns[0], new("assistant", " 49 "), .. s_twoTurns[2..]]);
        Assert.That(Learned(s), Is.EqualTo("49\n50\n<|im_end|>"));
    }

    [TestCase("""
        "normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},
        {"type":"Replace","pattern":{"String":" "},"content":"▁"}]},"pre_tokenizer":null
        """)]
    [TestCase("""
        "normalizer":null,
        "pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false}
        """)]
    public void A_tokenizer_that_puts_a_blank_before_its_input_puts_none_before_a_response(string parts)
    {
        Tokenizer tokenizer = Llama(parts);
        const string template =
            "{% for m in messages %}{% if m.role == 'user' %}[{{ m.content }}]{% else %}{{ m.content }}</s>{% endif "
                + "%}{% endfor %}";
        ScoredSequence s = EncodeBy(template, s_twoTurns, tokenizer: tokenizer);
        int[] whole = tokenizer.Encode("[47 + 2?]49</s>[and 1 more?]50</s>");
        Assert.That((int[])[.. s.Prompt.Span, .. s.Response.Span], Is.EqualTo(whole));
        Assert.That(Learned(s, tokenizer), Is.EqualTo("49</s>50</s>"));

        PromptEncoder encoder = new(tokenizer, null, new());
        Assert.That(encoder.Continue("[47 + 2?]", "49", "here"),
            Is.EqualTo(new[] { tokenizer.TokenToId("4"), tokenizer.TokenToId("9") }));
        Assert.That(encoder.Continue("4", "9 4", "here"),
            Is.EqualTo(new[] { tokenizer.TokenToId("9"), tokenizer.TokenToId("▁"), tokenizer.TokenToId("4") }));
        Assert.That(tokenizer.Encode("49")[0], Is.EqualTo(tokenizer.TokenToId("▁")),
            "what a piece by itself would begin with");
    }

    [Test]
    public void A_response_after_a_prompt_whose_last_word_would_swallow_it_keeps_its_own_tokens()
    {
        // "ab" is one token: the prompt ends in its first half and the response is the second.
        Tokenizer tokenizer = Llama("\"normalizer\":{\"type\":\"Prepend\",\"prepend\":\"▁\"},\"pre_tokenizer\":null");
        Assert.That(tokenizer.Encode("xab"), Does.Contain(tokenizer.TokenToId("ab")));
        Assert.That(new PromptEncoder(tokenizer, null, new()).Continue("xa", "b", "here"),
            Is.EqualTo(new[] { tokenizer.TokenToId("b") }));
    }

    [Test]
    public void What_is_too_long_is_left_out_or_cut_or_refused()
    {
        SupervisedExample example = new([new("user", "47 + 2?")], "123456789", "f.jsonl:3");
        DataConfig data = new() { MaxResponseLength = 4 };
        Assert.That(Encode(example, new() { Data = data }), Is.Null);
        Assert.That(Text(Encode(
            example, new()
            {
                Data = data with
                {
                    FilterOverlongPrompts = false,
                    Truncation = "right"
                }
            })!.Value.Response), Is.EqualTo("1234"));
        Assert.That(() => Encode(example, new() { Data = data with { FilterOverlongPrompts = false } }),
            Throws.TypeOf<DataException>().With.Message.Contains("f.jsonl:3").And.Message.Contains(
                "data.max_response_length"));
    }

    [Test]
    public void A_mask_scores_the_rows_that_it_keeps_and_changes_none_of_them()
    {
        ScoredSequence masked = Encode(new(s_twoTurns, null, "here"))!.Value, whole = masked with { Mask = default };
        ModelArchitecture architecture =
            ScratchModel.Architecture(new() { HiddenSize = 32, IntermediateSize = 64, NumHiddenLayers = 2 },
            s_tokenizer, 256);
        using EngineDevice device = EngineDevice.Open("cpu", 1);
        using Policy policy =
            Policy.CreateRandom(device, architecture, new() { Bf16 = false, MaxPositions = 256, Trainable = false },
            seed: 3, std: 0.1f);
        Scores all = policy.LogProb(new PackedBatch([whole]), 1),
            some = policy.LogProb(new PackedBatch([masked, masked]), 1);
        bool[] mask = masked.Mask.ToArray();
        float[] expected = [.. all.Q.Where((_, i) => mask[i])];
        Assert.That(some.Q, Is.EqualTo((float[])[.. expected, .. expected]));
        Assert.That(some.V, Has.Length.EqualTo(2 * expected.Length));
        Assert.That(() => new PackedBatch([masked with { Mask = new bool[3] }]), Throws.ArgumentException);
    }

    /// <summary>Qwen3's handling of thoughts, tools and calls in small.</summary>
    private const string Tools = """
        {%- if tools %}{{- '<|im_start|>system\n' }}{%- for t in tools %}{{- t | tojson }}{%- endfor %}{{- '<|im_end|>\n' }}{%- endif %}
        {%- for m in messages %}
            {{- '<|im_start|>' + m.role + '\n' }}
            {%- if m.role == 'assistant' %}
                {%- if m.reasoning_content is string %}{{- '<think>\n' + m.reasoning_content.strip('\n') + '\n</think>\n\n' }}{%- endif %}
                {%- if m.content %}{{- m.content }}{%- endif %}
                {%- for c in m.tool_calls or [] %}{{- '<call>' + c.function.name + (c.function.arguments | tojson) + '</call>' }}{%- endfor %}
            {%- else %}{{- m.content }}{%- endif %}
            {{- '<|im_end|>\n' }}
        {%- endfor %}
        {%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}
        """;

    private const string Call = """{"tool_calls":[{"function":{"name":"add","arguments":{"a":47}}}],"content":null}""";

    private static readonly ChatMessage[] s_calls =
        [new("user", "47 + 2?"), new("assistant", "") { Fields = Call }, new("tool", "49"),
            new("assistant", "49") { Fields = """{"reasoning_content":"add them"}""" }];

    [Test]
    public void Calls_of_tools_and_thoughts_in_fields_of_their_own_are_learned_whole()
    {
        SupervisedExample example =
            new(s_calls, null, "f.jsonl:3")
            {
                Variables = TemplateVariables.Of(
            new() { ["tools"] = new System.Text.Json.Nodes.JsonArray("add") })
            };
        ScoredSequence s = EncodeExample(Tools, example)!.Value;
        Assert.That(Text(s.Prompt),
            Is.EqualTo(
            "<|im_start|>system\n\"add\"<|im_end|>\n<|im_start|>user\n47 + 2?<|im_end|>\n<|im_start|>assistant\n"));
        Assert.That(Learned(s), Is.EqualTo("""<call>add{"a": 47}</call><|im_end|>"""
            + "<think>\nadd them\n</think>\n\n49<|im_end|>"));
    }

    [Test]
    public void A_text_before_a_call_and_a_call_at_the_end_are_learned_together()
    {
        ScoredSequence s = EncodeExample(
            Tools, new([s_calls[0],
            new("assistant", "Let me see.") { Fields = Call.Replace(
            ",\"content\":null", "", StringComparison.Ordinal) }], null, "f.jsonl:3"))!.Value;
        Assert.That(Text(s.Response), Is.EqualTo("""Let me see.<call>add{"a": 47}</call><|im_end|>"""));
    }

    [Test]
    public void Turns_that_are_flagged_are_read_and_not_learned()
    {
        ScoredSequence second =
            Encode(new(s_twoTurns, null, "here") { NotLearned = [false, true, false, false] })!.Value,
            first = Encode(new(s_twoTurns, null, "here") { NotLearned = [false, false, false, true] })!.Value;
        Assert.That((Text(second.Prompt)[^30..], Text(second.Response)),
            Is.EqualTo(("more?<|im_end|>\n<|im_start|>assistant\n"[^30..], "50<|im_end|>")));
        Assert.That(Text(second.Prompt), Does.Contain("49<|im_end|>"));
        Assert.That(Text(first.Response), Is.EqualTo("49<|im_end|>"));
        ScoredSequence withSystem =
            Encode(new(s_twoTurns, null, "here") { NotLearned = [false, true, false, false] },
            new() { Data = new() { SystemPrompt = "s" } })!.Value;
        Assert.That(Text(withSystem.Response), Is.EqualTo("50<|im_end|>"), "a system turn before them moves no flag");
    }

    [Test]
    public void What_the_template_does_not_write_leaves_the_row_out_by_name()
    {
        ChatMessage[] thought = [s_calls[0],
            new("assistant", "49") { Fields = """{"reasoning_content":"add them"}""" }];
        Assert.That(() => Encode(new(thought, null, "f.jsonl:3")),
            Throws.TypeOf<LeftOutException>().With.Message.Contains(
            "f.jsonl:3: the chat template does not write 'reasoning_content'"));
        Assert.That(() => Encode(new(s_calls, null, "f.jsonl:3")),
            Throws.TypeOf<LeftOutException>().With.Message.Contains("refuses a conversation with 'tool_calls'"));
        ChatMessage said = new(
            "assistant", "I call.")
        { Fields = Call.Replace(",\"content\":null", "", StringComparison.Ordinal) };
        Assert.That(() => Encode(new([s_calls[0], said], null, "f.jsonl:3")),
            Throws.TypeOf<LeftOutException>().With.Message.Contains("does not write 'tool_calls'"));
        SupervisedExample tools = new(s_twoTurns, null, "f.jsonl:3")
        {
            Variables = TemplateVariables.Of(new() { ["tools"] = new System.Text.Json.Nodes.JsonArray("add") }),
        };
        Assert.That(() => Encode(tools),
            Throws.TypeOf<LeftOutException>().With.Message.Contains("does not write the row's 'tools'"));
        Assert.That(() =>
            EncodeBy(Qwen3.Replace("else %}\n", "elif m.role == 'assistant' %}\n", StringComparison.Ordinal),
            [new("developer", "Be brief."), .. s_twoTurns]),
            Throws.TypeOf<LeftOutException>().With.Message.Contains("messages of the role 'developer'"));
    }

    [Test]
    public void A_thought_in_a_field_of_its_own_goes_on_where_the_prompt_begins_one()
    {
        ScoredSequence s = EncodeBy(R1,
            [s_twoTurns[0], new("assistant", "49") { Fields = """{"reasoning_content":"seven"}""" }]);
        Assert.That((Text(s.Prompt), Text(s.Response)),
            Is.EqualTo(("<u>47 + 2?<a><think>\n", "seven\n</think>\n\n49<|im_end|>")));
    }

    [Test]
    public void The_configuration_s_variables_reach_the_template_and_the_row_s_own_win()
    {
        const string template =
            "{% for m in messages %}{{ m.content }}{% endfor %}{% if enable_thinking is false %}[off]{% endif %}";
        RunConfig off = new() { Data = new() { ApplyChatTemplateKwargs = new() { ["enable_thinking"] = "False" } } };
        SupervisedExample example = new([s_twoTurns[0]], "49", "f.jsonl:3");
        Assert.That(Text(EncodeExample(template, example, off)!.Value.Prompt), Is.EqualTo("47 + 2?[off]"));
        Assert.That(Text(EncodeExample(
            template, example with { Variables = TemplateVariables.Of(new() { ["enable_thinking"] = true }) },
            off)!.Value.Prompt), Is.EqualTo("47 + 2?"));
    }

    [TestCase("enable_thinkin", "reads no variable 'enable_thinkin'; did you mean 'enable_thinking'?")]
    [TestCase("messages", "the engine sets 'messages' itself")]
    public void A_variable_that_changes_nothing_is_refused(string name, string message)
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, "{{ messages[0].content }}{{ enable_thinking }}");
            DataConfig data = new() { Template = file, ApplyChatTemplateKwargs = new() { [name] = "false" } };
            Assert.That(() => new PromptEncoder(s_tokenizer, null, data).CheckVariables(),
                Throws.TypeOf<ConfigException>().With.Message.StartsWith("data.apply_chat_template_kwargs."
                + name).And.Message.Contains(message));
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static ScoredSequence? EncodeExample(string template, SupervisedExample example, RunConfig? config = null)
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, template);
            RunConfig used = config ?? new();
            return Encode(example, used with { Data = used.Data with { Template = file } });
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static ScoredSequence? Encode(SupervisedExample example, RunConfig? config = null,
        Tokenizer? tokenizer = null)
    {
        RunConfig used = config ?? new();
        Tokenizer by = tokenizer ?? s_tokenizer;
        return new SupervisedEncoder(new(by, null, used.Data), [by.EosId!.Value], used).Encode(example);
    }

    private static ScoredSequence EncodeBy(string template, ChatMessage[] messages, string turns = "all",
        Tokenizer? tokenizer = null)
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, template);
            return Encode(new(messages, null, "f.jsonl:3"),
                new()
                {
                    Data = new() { Template = file, FilterOverlongPrompts = false },
                    Sft = new() { Turns = turns }
                }, tokenizer)!.Value;
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>A byte-pair tokenizer of single characters that writes blanks as Llama 2's does.</summary>
    private static Tokenizer Llama(string parts)
    {
        string[] tokens = ["<unk>", "</s>", "▁",
            .. "[]?+0123456789abcdefghijklmnopqrstuvwxyz".Select(c => c.ToString()), "ab"];
        string vocabulary = string.Join(",", tokens.Select((t, i) => $"\"{t}\":{i}"));
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "tokenizer.json"),
                $$$"""
                {"version":"1.0","added_tokens":[{"id":1,"content":"</s>","single_word":false,"lstrip":false,
                 "rstrip":false,"normalized":false,"special":true}],
                 {{{parts}}},"post_processor":null,
                 "decoder":{"type":"Sequence","decoders":[
                     {"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"Fuse"}]},
                 "model":{"type":"BPE","unk_token":"<unk>","fuse_unk":false,"vocab":{ {{{vocabulary}}} },
                 "merges":["a b"]}}
                """);
            File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), "{\"eos_token\":\"</s>\"}");
            return Tokenizer.Load(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Text(ReadOnlyMemory<int> ids) => s_tokenizer.Decode(ids.Span);

    private static string Learned(ScoredSequence s, Tokenizer? tokenizer = null)
    {
        List<int> ids = [];
        for (int i = 0; i < s.Response.Length; i++)
        {
            if (s.Mask.Span[i])
            {
                ids.Add(s.Response.Span[i]);
            }
        }

        return (tokenizer ?? s_tokenizer).Decode(ids.ToArray());
    }
}
