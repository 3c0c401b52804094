using System;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Engine.Optimizer;
using Tbrm.Interop;

namespace Tbrm.Engine.Tests.Models;

/// <summary>Critics behind the engine's API: made of a policy, trained by an optimizer of their own, out to Hugging
/// Face's folder and in.</summary>
public sealed class CriticTests
{
    private static readonly ModelArchitecture s_architecture = ModelArchitecture.Parse(
        """
        {"architectures": ["Qwen3ForCausalLM"], "vocab_size": 40, "hidden_size": 24, "intermediate_size": 32,
         "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64,
         "rope_theta": 100.0,
         "tie_word_embeddings": true, "torch_dtype": "bfloat16"}
        """, "config.json");

    private static readonly PackedBatch s_batch = new([
        new ScoredSequence(new[] { 1, 2, 3 }, new[] { 4, 5, 6, 7 }),
            new ScoredSequence(new[] { 9 }, new[] { 8, 7 }, Bootstrap: true)]);

    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("tbrm-test-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void A_critic_has_the_policys_body_and_a_head_that_starts_at_zero_or_is_drawn([Values] bool bf16)
    {
        using EngineDevice device = EngineDevice.Open("cpu", 2);
        using Policy policy = Policy.CreateRandom(device, s_architecture, Options(bf16), seed: 1, std: 0.1f);
        using Critic critic = Critic.FromPolicy(policy, Options(bf16), seed: 5, std: 0);
        Assert.That(critic.Values(s_batch), Is.EqualTo(new float[s_batch.RowCount]));
        foreach (TensorInfo tensor in policy.Tensors())
        {
            Assert.That(critic.ReadTensor(tensor, TensorKind.Master),
                Is.EqualTo(policy.ReadTensor(tensor, TensorKind.Master)), tensor.Name);
        }

        Assert.That(critic.Tensors().Skip(policy.Tensors().Count).Select(t => (t.Name, t.Rows, t.Columns)),
            Is.EqualTo(new[] { ("score.weight", 1L, 24L), ("score.bias", 1L, 0L) }));
        critic.InitHead(seed: 5, std: 0.3f);
        Assert.That(critic.Values(s_batch), Has.None.EqualTo(0f));
        Assert.That(critic.Architecture.ParameterCount, Is.EqualTo(critic.Tensors().Sum(t => t.Elements)));
    }

    [Test]
    public void Policy_and_critic_learn_with_optimizers_of_their_own()
    {
        using EngineDevice device = EngineDevice.Open("cpu", 2);
        using Policy policy = Policy.CreateRandom(device, s_architecture, Options(bf16: true), seed: 1, std: 0.1f);
        using Critic critic = Critic.FromPolicy(policy, Options(bf16: true), seed: 5, std: 0);
        using AdamW ofPolicy = new(policy, new OptimConfig()), ofCritic = new(critic, new OptimConfig());
        Scores before = policy.LogProb(s_batch, 1);
        double first = 0, last = 0;
        for (int step = 0; step < 30; step++)
        {
            float[] error = Array.ConvertAll(critic.Values(s_batch, keep: true), v => v - 1);
            last = error.Sum(e => (double)e * e);
            first = step == 0 ? last : first;
            critic.Backward(error);
            Assert.That(critic.GradientNorm(), Is.GreaterThan(0));
            OptimizerResult result = ofCritic.Step(0.02, 1);
            Assert.That((result.Applied, result.Step), Is.EqualTo((true, step + 1)));
        }

        critic.ReleaseActivations();
        Assert.That(last, Is.LessThan(0.05 * first));
        Assert.That(policy.LogProb(s_batch, 1).Q, Is.EqualTo(before.Q),
            "the critic's steps are no business of the policy");
        policy.LogProb(s_batch, 1, keep: true);
        policy.Backward(new float[s_batch.RowCount].Select(_ => 1f).ToArray(), new float[s_batch.RowCount], []);
        double norm = policy.GradientNorm();
        OptimizerResult clipped = ofPolicy.Update(0.01, 2 * norm, norm);
        Assert.That((clipped.GradNorm, clipped.Applied, clipped.Step), Is.EqualTo((2 * norm, true, 1L)));
    }

    [Test]
    public void A_folder_is_hugging_faces_and_comes_back_bit_for_bit([Values] bool bf16)
    {
        using EngineDevice device = EngineDevice.Open("cpu", 2);
        using Critic critic = Critic.CreateRandom(device, s_architecture, Options(bf16), seed: 3, std: 0.1f);
        float[] values = critic.Values(s_batch);
        ModelFolder.Save(critic, _folder);
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "config.json")))!;
        Assert.That((string?)config["architectures"]![0], Is.EqualTo("Qwen3ForTokenClassification"));
        Assert.That(config["id2label"]!.ToJsonString(), Is.EqualTo("""{"0":"LABEL_0"}"""));
        Assert.That(config["label2id"]!.ToJsonString(), Is.EqualTo("""{"LABEL_0":0}"""));
        using Critic loaded = ModelFolder.LoadCritic(device, _folder, _ => Options(bf16), seed: 77, std: 1);
        Assert.That(loaded.Values(s_batch), Is.EqualTo(values));
        Assert.That(() => ModelFolder.Load(device, _folder, _ => Options(bf16)),
            Throws.TypeOf<DataException>().With.Message.Contains("is a value model"));
    }

    [Test]
    public void A_language_models_folder_makes_a_critic_whose_head_is_drawn()
    {
        using EngineDevice device = EngineDevice.Open("cpu", 2);
        using Policy policy = Policy.CreateRandom(device, s_architecture, Options(bf16: true), seed: 3, std: 0.1f);
        ModelFolder.Save(policy, _folder);
        using Critic zero = ModelFolder.LoadCritic(device, _folder, _ => Options(bf16: true), seed: 7, std: 0);
        Assert.That(zero.Values(s_batch), Is.EqualTo(new float[s_batch.RowCount]));
        using Critic drawn = ModelFolder.LoadCritic(device, _folder, _ => Options(bf16: true), seed: 7, std: 0.2f);
        using Critic same = Critic.FromPolicy(policy, Options(bf16: true), seed: 7, std: 0.2f);
        Assert.That(drawn.Values(s_batch), Is.EqualTo(same.Values(s_batch)).And.None.EqualTo(0f));
    }

    [Test]
    public void An_adapter_of_a_critic_carries_its_head()
    {
        AdapterOptions adapter = new(4, 8, UseRslora: false, AdapterTargets.QProj | AdapterTargets.DownProj);
        using EngineDevice device = EngineDevice.Open("cpu", 2);
        using Critic critic =
            Critic.CreateRandom(device, s_architecture, Options(bf16: true, trainable: false), seed: 3, std: 0.1f);
        using Critic other =
            Critic.CreateRandom(device, s_architecture, Options(bf16: true, trainable: false), seed: 3, std: 0.1f);
        critic.AttachAdapter(adapter, trainable: true, seed: 1);
        other.AttachAdapter(adapter, trainable: false, seed: 2);
        using AdamW optimizer = new(critic, new OptimConfig());
        for (int step = 0; step < 2; step++)
        {
            critic.Values(s_batch, keep: true);
            critic.Backward(new float[s_batch.RowCount].Select(_ => 1f).ToArray());
            optimizer.Step(0.05, 1);
        }

        PeftFolder.Save(critic, _folder, "base");
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "adapter_config.json")))!;
        Assert.That((string?)config["task_type"], Is.EqualTo("TOKEN_CLS"));
        Assert.That(config["modules_to_save"]!.ToJsonString(), Is.EqualTo("""["score"]"""));
        Assert.That(PeftFolder.Read(_folder), Is.EqualTo(adapter));
        Assert.That(other.Values(s_batch), Is.Not.EqualTo(critic.Values(s_batch)));
        PeftFolder.LoadWeights(other, _folder);
        Assert.That(other.Values(s_batch), Is.EqualTo(critic.Values(s_batch)));
    }

    [Test]
    public void What_is_no_value_model_is_refused_by_name()
    {
        JsonObject raw = (JsonObject)s_architecture.Raw.DeepClone();
        raw["architectures"] = new JsonArray("Qwen3ForTokenClassification");
        Assert.That(() => ModelArchitecture.Parse(raw.ToJsonString(), "config.json"),
            Throws.TypeOf<DataException>().With.Message.Contains("with 2 labels"),
                "transformers takes two labels where none are named");
        raw["num_labels"] = 1;
        Assert.That(ModelArchitecture.Parse(raw.ToJsonString(), "config.json").Head, Is.EqualTo(HeadKind.ValueBias));
        raw["architectures"] = new JsonArray("Qwen3ForSequenceClassification");
        Assert.That(ModelArchitecture.Parse(raw.ToJsonString(), "config.json").Head, Is.EqualTo(HeadKind.Value));
        raw["id2label"] = new JsonObject { ["0"] = "A", ["1"] = "B", ["2"] = "C" };
        Assert.That(() => ModelArchitecture.Parse(raw.ToJsonString(), "config.json"),
            Throws.TypeOf<DataException>().With.Message.Contains("with 3 labels"));
        raw["architectures"] = new JsonArray("BertForTokenClassification");
        Assert.That(() => ModelArchitecture.Parse(raw.ToJsonString(), "config.json"),
            Throws.TypeOf<DataException>().With.Message.Contains("not supported"));
    }

    private static PolicyOptions Options(bool bf16, bool trainable = true) =>
        new() { Bf16 = bf16, MaxPositions = 64, Trainable = trainable };
}
