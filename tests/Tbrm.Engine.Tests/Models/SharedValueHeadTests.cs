using System;
using System.IO;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Engine.Optimizer;

namespace Tbrm.Engine.Tests.Models;

/// <summary>A policy that is its own critic: one kept forward for both heads, one update, a folder that is a language
/// model's.</summary>
public sealed class SharedValueHeadTests
{
    private static readonly ModelArchitecture s_architecture = ModelArchitecture.Parse(
        """
        {"architectures": ["Qwen2ForCausalLM"], "vocab_size": 40, "hidden_size": 24, "intermediate_size": 32,
         "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
         "tie_word_embeddings": true, "torch_dtype": "bfloat16"}
        """, "config.json");

    private static readonly PackedBatch s_batch = new([
        new ScoredSequence(new[] { 1, 2, 3 }, new[] { 4, 5, 6, 7 }),
        new ScoredSequence(new[] { 9 }, new[] { 8, 7 })]);

    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("tbrm-test-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    /// <summary>Values alone fall to their targets while nothing is asked of the responses; the policy's log-probs are
    /// those of a policy without the head until then.</summary>
    [Test]
    public void Its_values_learn_in_the_policys_update([Values] bool bf16)
    {
        using EngineDevice device = EngineDevice.Open("cpu", 2);
        using Policy policy = Make(device, bf16, valueHead: true), plain = Make(device, bf16, valueHead: false);
        SharedValueHead head = new(policy);
        head.Init(seed: 3, std: 0);
        Assert.That(policy.LogProb(s_batch, 1).Q, Is.EqualTo(plain.LogProb(s_batch, 1).Q));
        Assert.That(head.Values(s_batch), Is.EqualTo(new float[s_batch.RowCount]));
        using AdamW optimizer = new(policy, new OptimConfig());
        float[] none = new float[s_batch.RowCount];
        double first = 0, last = 0;
        for (int step = 0; step < 40; step++)
        {
            _ = policy.LogProb(s_batch, 1, keep: true);
            float[] values = head.OfKept(s_batch.RowCount);
            float[] error = Array.ConvertAll(values, v => v - 1);
            last = error.Sum(e => (double)e * e);
            first = step == 0 ? last : first;
            head.AddGradient(error);
            policy.Backward(none, none, []);
            Assert.That(optimizer.Step(0.02, 1).Applied, Is.True);
            if (step == 0)
            {
                Assert.That(values, Is.EqualTo(none));
            }
        }

        Assert.That(last, Is.LessThan(0.05 * first));
    }

    [Test]
    public void Its_folder_is_a_language_models_and_the_head_a_file_of_its_own()
    {
        using EngineDevice device = EngineDevice.Open("cpu", 2);
        using Policy policy = Make(device, bf16: false, valueHead: true);
        SharedValueHead head = new(policy);
        head.Init(seed: 3, std: 0.5f);
        string file = Path.Combine(_folder, "value_head.safetensors");
        head.Save(file);
        ModelFolder.Save(policy, _folder);
        using Policy plain = ModelFolder.Load(device, _folder, _ => Options(bf16: false, valueHead: false));
        Assert.That(plain.LogProb(s_batch, 1).Q, Is.EqualTo(policy.LogProb(s_batch, 1).Q));
        using Policy again = ModelFolder.Load(device, _folder, _ => Options(bf16: false, valueHead: true));
        SharedValueHead loaded = new(again);
        loaded.Load(file);
        Assert.That(loaded.Values(s_batch), Is.EqualTo(head.Values(s_batch)));
        Assert.That(loaded.Values(s_batch), Has.None.EqualTo(0f));
        Assert.That(() => loaded.Load(Path.Combine(_folder, "model.safetensors")),
            Throws.TypeOf<DataException>().With.Message.Contains("score.weight"));
        Assert.That(() => new SharedValueHead(plain), Throws.ArgumentException);
    }

    private static Policy Make(EngineDevice device, bool bf16, bool valueHead) =>
        Policy.CreateRandom(device, s_architecture, Options(bf16, valueHead), seed: 1, std: 0.1f);

    private static PolicyOptions Options(bool bf16, bool valueHead) => new()
    {
        Bf16 = bf16,
        MaxPositions = 16,
        Trainable = true,
        ValueHead = valueHead,
    };
}
