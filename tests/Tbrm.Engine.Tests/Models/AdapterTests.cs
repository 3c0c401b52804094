using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Interop;
using Tbrm.Testing;

namespace Tbrm.Engine.Tests.Models;

/// <summary>Adapters behind the engine's API: PEFT's folder out and in, the reference with the adapter off, what is
/// refused.</summary>
public sealed class AdapterTests
{
    private static readonly AdapterOptions s_adapter =
        new(4, 8, UseRslora: false, AdapterTargets.QProj | AdapterTargets.VProj | AdapterTargets.DownProj);

    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("tbrm-test-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void A_folder_is_what_peft_writes_and_comes_back_bit_for_bit([Values] bool bf16)
    {
        using EngineDevice device = EngineDevice.Open("cpu", 2);
        using Policy policy = Adapted(device, bf16);
        PeftFolder.Save(policy, _folder, "/models/base");

        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "adapter_config.json")))!;
        Assert.That((string?)config["peft_type"], Is.EqualTo("LORA"));
        Assert.That((string?)config["task_type"], Is.EqualTo("CAUSAL_LM"));
        Assert.That((int?)config["r"], Is.EqualTo(4));
        Assert.That((int?)config["lora_alpha"], Is.EqualTo(8));
        Assert.That((string?)config["bias"], Is.EqualTo("none"));
        Assert.That((string?)config["base_model_name_or_path"], Is.EqualTo("/models/base"));
        Assert.That(config["target_modules"]!.AsArray().Select(n => (string?)n),
            Is.EqualTo(new[] { "q_proj", "v_proj", "down_proj" }));
        Assert.That(PeftFolder.Read(_folder), Is.EqualTo(s_adapter));
        Assert.That(PeftFolder.BaseName(_folder), Is.EqualTo("/models/base"));
        Assert.That(TensorNames(Path.Combine(_folder, "adapter_model.safetensors")), Is.EquivalentTo(ExpectedNames()));

        using Policy other =
            Policy.CreateRandom(device, Architecture, Options(bf16, trainable: false), seed: 1, std: 0.1f);
        other.AttachAdapter(s_adapter, trainable: true, seed: 99);
        PeftFolder.LoadWeights(other, _folder);
        foreach (TensorInfo tensor in policy.Tensors().Where(t => t.IsAdapter))
        {
            Assert.That(other.ReadTensor(tensor, TensorKind.Master),
                Is.EqualTo(policy.ReadTensor(tensor, TensorKind.Master)), tensor.Name);
        }
    }

    [Test]
    public void The_reference_of_an_adapted_policy_is_its_base_and_takes_no_memory()
    {
        using EngineDevice device = EngineDevice.Open("cpu", 2);
        using Policy policy =
            Policy.CreateRandom(device, Architecture, Options(bf16: false, trainable: false), seed: 1, std: 0.1f);
        PackedBatch batch = new([new ScoredSequence(new[] { 1, 2, 3 }, new[] { 4, 5, 6, 7 }, Bootstrap: false)]);
        Scores ofBase = policy.LogProb(batch, 1);
        policy.AttachAdapter(s_adapter, trainable: true, seed: 3);
        Assert.That(policy.LogProb(batch, 1).Q, Is.EqualTo(ofBase.Q), "a new adapter adds nothing");
        Randomize(policy);
        Scores adapted = policy.LogProb(batch, 1);
        Assert.That(adapted.Q, Is.Not.EqualTo(ofBase.Q));

        long before = device.Memory().InUse;
        using ReferencePolicy reference = ReferencePolicy.Of(policy);
        Assert.That(device.Memory().InUse, Is.EqualTo(before));
        Scores scored = reference.LogProb(batch, 1);
        Assert.That(scored.Q, Is.EqualTo(ofBase.Q));
        Assert.That(scored.V, Is.EqualTo(ofBase.V));
        Assert.That(policy.LogProb(batch, 1).Q, Is.EqualTo(adapted.Q), "and the policy has its adapter again");
        Assert.That(() => reference.CopyWeightsFrom(policy), Throws.TypeOf<ConfigException>());
    }

    [Test]
    public void A_saved_model_folder_of_an_adapted_policy_is_the_base_and_of_a_merged_one_the_sum()
    {
        using EngineDevice device = EngineDevice.Open("cpu", 2);
        using Policy policy = Adapted(device, bf16: false);
        PackedBatch batch = new([new ScoredSequence(new[] { 1, 2, 3 }, new[] { 4, 5, 6, 7 }, Bootstrap: false)]);
        Scores adapted = policy.LogProb(batch, 1), ofBase = policy.WithAdapterOff(() => policy.LogProb(batch, 1));
        string baseFolder = Directory.CreateDirectory(Path.Combine(_folder, "base")).FullName,
            merged = Directory.CreateDirectory(Path.Combine(_folder, "merged")).FullName;
        ModelFolder.Save(policy, baseFolder);
        policy.MergeAdapter();
        Assert.That(policy.Adapter, Is.Null);
        ModelFolder.Save(policy, merged);

        using Policy loadedBase = ModelFolder.Load(device, baseFolder, _ => Options(bf16: false, trainable: false));
        Assert.That(loadedBase.LogProb(batch, 1).Q, Is.EqualTo(ofBase.Q));
        using Policy loaded = ModelFolder.Load(device, merged, _ => Options(bf16: false, trainable: false));
        Scores scores = loaded.LogProb(batch, 1);
        Assert.That(scores.Q, Is.EqualTo(policy.LogProb(batch, 1).Q));
        // fp32 sums of a few dozen terms over two layers, twice: tests/native/gradient_test.cpp derives 2e-5 for one.
        Compare.CloseInNorm(scores.Q, [.. adapted.Q.Select(q => (double)q)], 4e-5, "Q");
        Assert.That(scores.Q, Is.Not.EqualTo(ofBase.Q));
    }

    [TestCase("\"peft_type\": \"LOHA\"", "peft_type is \"LOHA\"")]
    [TestCase("\"task_type\": \"SEQ_2_SEQ_LM\"", "task_type is \"SEQ_2_SEQ_LM\"")]
    [TestCase("\"bias\": \"all\"", "bias is \"all\"")]
    [TestCase("\"use_dora\": true", "use_dora is true")]
    [TestCase("\"modules_to_save\": [\"lm_head\"]", "modules_to_save is [\"lm_head\"]")]
    [TestCase("\"rank_pattern\": {\"q_proj\": 8}", "rank_pattern is {\"q_proj\":8}")]
    [TestCase("\"alpha_pattern\": {\"q_proj\": 8}", "alpha_pattern is")]
    [TestCase("\"layers_to_transform\": [0]", "layers_to_transform is [0]")]
    [TestCase("\"fan_in_fan_out\": true", "fan_in_fan_out is true")]
    [TestCase("\"init_lora_weights\": \"pissa\"", "init_lora_weights is \"pissa\"")]
    [TestCase("\"option_of_tomorrow\": 3", "option_of_tomorrow is 3")]
    [TestCase("\"r\": 0", "r is 0")]
    [TestCase("\"r\": \"8\"", "r is \"8\"")]
    [TestCase("\"lora_alpha\": -1", "lora_alpha is -1")]
    [TestCase("\"target_modules\": null", "target_modules is null")]
    [TestCase("\"target_modules\": [\"q_proj\", \"embed_tokens\"]", "embed_tokens")]
    [TestCase("\"target_modules\": \"model.layers.*.q_proj\"", "model.layers.*.q_proj")]
    [TestCase("\"target_modules\": []", "target_modules is []")]
    public void An_option_that_is_not_built_is_refused_by_name(string entry, string says)
    {
        WriteConfig(entry);
        Assert.That(() => PeftFolder.Read(_folder),
            Throws.TypeOf<DataException>().With.Message.Contains(says).And.Message.Contains("adapter_config.json"));
    }

    /// <summary>Bytes of a good file changed, left out and doubled at random: it is read, or refused as data; nothing
    /// else happens.</summary>
    [Test]
    public void A_damaged_configuration_is_read_or_refused()
    {
        WriteConfig(
            "\"target_modules\": [\"q_proj\", \"mlp.down_proj\"], \"rank_pattern\": {}, \"base_model_name_or_path\": "
                + "\"a/b\"");
        string path = Path.Combine(_folder, "adapter_config.json");
        byte[] good = File.ReadAllBytes(path);
        Random random = new(11);
        int refused = 0;
        for (int round = 0; round < 3000; round++)
        {
            List<byte> bytes = [.. good];
            for (int fault = random.Next(1, 4); fault > 0; fault--)
            {
                int at = random.Next(bytes.Count), length = random.Next(1, Math.Min(20, bytes.Count - at) + 1);
                switch (random.Next(3))
                {
                    case 0:
                        bytes[at] = (byte)random.Next(256);
                        break;
                    case 1:
                        bytes.RemoveRange(at, length);
                        break;
                    default:
                        bytes.InsertRange(at, bytes.GetRange(at, length));
                        break;
                }

                if (bytes.Count == 0)
                {
                    break;
                }
            }

            File.WriteAllBytes(path, [.. bytes]);
            try
            {
                Assert.That(PeftFolder.Read(_folder).Rank, Is.Positive);
            }
            catch (DataException)
            {
                refused++;
            }
        }

        Assert.That(refused, Is.InRange(1000, 2999));
    }

    [TestCase("{\"r\": 8, \"r\": 9}", "r")]
    [TestCase("{\"r\": 8, \"lora_alpha\": 16, \"target_modules\": [\"\\ud800\"]}", "not JSON")]
    [TestCase("[1]", "expected a JSON object")]
    public void A_configuration_that_is_no_object_of_texts_is_refused(string json, string says)
    {
        File.WriteAllText(Path.Combine(_folder, "adapter_config.json"), json);
        Assert.That(() => PeftFolder.Read(_folder), Throws.TypeOf<DataException>().With.Message.Contains(says));
    }

    /// <summary>Everything that a default of peft's own writer holds, and the spellings of targets that mean all
    /// layers.</summary>
    [TestCase("\"target_modules\": [\"self_attn.q_proj\", \"mlp.down_proj\"]",
        AdapterTargets.QProj | AdapterTargets.DownProj)]
    [TestCase("\"target_modules\": \"all-linear\"", (AdapterTargets)127)]
    [TestCase(
        "\"lora_dropout\": 0.05, \"megatron_core\": \"megatron.core\", \"loftq_config\": {}, \"qalora_group_size\": "
            + "16, \"eva_config\": null, \"lora_bias\": false, \"revision\": \"main\", \"peft_version\": \"0.18.0\"",
                AdapterTargets.VProj)]
    public void What_peft_writes_by_default_is_read(string entry, AdapterTargets targets)
    {
        WriteConfig(entry);
        Assert.That(PeftFolder.Read(_folder).Targets, Is.EqualTo(targets));
    }

    /// <summary>Patterns are read from what the tensors say: q_proj, v_proj and down_proj of rank 4 in every
    /// layer.</summary>
    [TestCase("\"target_modules\": \".*\\\\.(q_proj|v_proj|down_proj)\"", 8, 4.0)]
    [TestCase("\"r\": 64, \"lora_alpha\": 128, \"rank_pattern\": {\"proj\": 2, \".*_proj\": 4}", 128, 32.0)]
    [TestCase("\"alpha_pattern\": {\"mlp.up_proj\": 3, \"(q|v|down)_proj\": 24}", 24, 6.0)]
    public void Patterns_of_peft_are_read_from_what_the_tensors_say(string entry, double alpha, double scale)
    {
        using EngineDevice device = EngineDevice.Open("cpu", 1);
        using Policy policy = Adapted(device, bf16: false);
        PeftFolder.Save(policy, _folder, "");
        string path = Path.Combine(_folder, "adapter_config.json");
        JsonObject config = (JsonObject)JsonNode.Parse(File.ReadAllText(path))!;
        foreach ((string key, JsonNode? value) in (JsonObject)JsonNode.Parse("{" + entry + "}")!)
        {
            config[key] = value?.DeepClone();
        }

        File.WriteAllText(path, config.ToJsonString());
        AdapterOptions read = PeftFolder.Read(_folder);
        Assert.That((read.Rank, read.Targets), Is.EqualTo((4, s_adapter.Targets)));
        if (!entry.Contains("target_modules"))
        {
            Assert.That((read.Alpha, read.Scale), Is.EqualTo((alpha, scale)));
        }
    }

    /// <summary>Ranks, alphas and targets that differ from module to module: written as PEFT's patterns, read back,
    /// computed module by module, and the same when merged.</summary>
    [Test]
    public void A_mixture_of_ranks_and_alphas_is_saved_read_and_merged([Values] bool rslora, [Values] bool everyLayer)
    {
        List<AdapterModule> modules =
        [
            new(0, AdapterTargets.QProj, 4, 8), new(0, AdapterTargets.VProj, 1, 16),
                new(0, AdapterTargets.DownProj, 4, 8),
            new(1, AdapterTargets.QProj, 2, 8), new(1, AdapterTargets.VProj, 4, 3.5),
                new(1, AdapterTargets.DownProj, 4, 8),
        ];
        if (!everyLayer)
        {
            modules.RemoveAt(3);
        }

        AdapterOptions options = AdapterOptions.OfModules(modules, rslora);
        using EngineDevice device = EngineDevice.Open("cpu", 2);
        using Policy policy =
            Policy.CreateRandom(device, Architecture, Options(bf16: false, trainable: true), seed: 1, std: 0.1f);
        policy.AttachAdapter(options, trainable: true, seed: 3);
        Randomize(policy);
        PeftFolder.Save(policy, _folder, "");
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "adapter_config.json")))!;
        Assert.That(((int?)config["r"], (int?)config["lora_alpha"]), Is.EqualTo((4, 8)), "what most have");
        Assert.That((int?)config["rank_pattern"]!["layers.0.self_attn.v_proj"], Is.EqualTo(1));
        Assert.That((double?)config["alpha_pattern"]!["layers.1.self_attn.v_proj"], Is.EqualTo(3.5));
        Assert.That((string?)config["target_modules"]![0],
            Is.EqualTo(everyLayer ? "q_proj" : "layers.0.self_attn.q_proj"));

        AdapterOptions read = PeftFolder.Read(_folder);
        Assert.That(read.Modules, Is.EqualTo(modules));
        Assert.That((read.RankText, read.Targets, read.UseRslora), Is.EqualTo(("1 to 4", s_adapter.Targets, rslora)));
        using Policy other =
            Policy.CreateRandom(device, Architecture, Options(bf16: false, trainable: true), seed: 1, std: 0.1f);
        other.AttachAdapter(read, trainable: true, seed: 99);
        PeftFolder.LoadWeights(other, _folder);
        PackedBatch batch = new([new ScoredSequence(new[] { 1, 2, 3 }, new[] { 4, 5, 6, 7 }, Bootstrap: false)]);
        Scores adapted = policy.LogProb(batch, 1);
        Assert.That(other.LogProb(batch, 1).Q, Is.EqualTo(adapted.Q), "the same bits");

        // W + s B A in double, with the scale of each module, is what merging writes (one rounding to fp32, and one of
        // its sum).
        Dictionary<string, float[]> before = other.Tensors()
            .ToDictionary(t => t.Name, t => other.ReadTensor(t, TensorKind.Weight));
        other.MergeAdapter();
        foreach (AdapterModule module in modules)
        {
            string name = $"model.layers.{module.Layer}."
                + (module.Target == AdapterTargets.DownProj ? "mlp.down_proj" : module.Target == AdapterTargets.QProj
                ? "self_attn.q_proj" : "self_attn.v_proj");
            float[] a = before[$"base_model.model.{name}.lora_A.weight"],
                b = before[$"base_model.model.{name}.lora_B.weight"], w = before[$"{name}.weight"];
            int inputs = a.Length / module.Rank;
            double scale = module.Alpha / (rslora ? Math.Sqrt(module.Rank) : module.Rank);
            double[] expected = [.. Enumerable.Range(0, w.Length)
                .Select(i => w[i]
                + (scale * Enumerable.Range(0, module.Rank)
                .Sum(r => (double)b[(i / inputs * module.Rank) + r] * a[(r * inputs) + (i % inputs)])))];
            Compare.CloseInNorm(other.ReadTensor(
                other.Tensors().First(t => t.Name == $"{name}.weight"), TensorKind.Weight), expected, 1e-6, name);
        }

        Compare.CloseInNorm(other.LogProb(batch, 1).Q, [.. adapted.Q.Select(q => (double)q)], 4e-5, "Q");
        Assert.That(read.ParameterCount(Architecture),
            Is.EqualTo(before.Where(t => t.Key.Contains("lora_", StringComparison.Ordinal)).Sum(t => t.Value.Length)));
    }

    /// <summary>PEFT's own spellings of a mixture, over tensors that have it.</summary>
    [Test]
    public void Patterns_that_give_each_module_its_own_are_read()
    {
        using EngineDevice device = EngineDevice.Open("cpu", 1);
        using Policy policy = Adapted(device, bf16: false);
        PeftFolder.Save(policy, _folder, "");
        string path = Path.Combine(_folder, "adapter_config.json");
        JsonObject config = (JsonObject)JsonNode.Parse(File.ReadAllText(path))!;
        config["alpha_pattern"] =
            new JsonObject { ["^model.layers.1.self_attn.q_proj"] = 3, ["mlp.down_proj"] = 5, ["v_proj"] = 7 };
        File.WriteAllText(path, config.ToJsonString());
        AdapterOptions read = PeftFolder.Read(_folder);
        Assert.That(read.Modules!.Select(m => (m.Layer, m.Alpha)),
            Is.EqualTo(new[] { (0, 8.0), (0, 7), (0, 5), (1, 3), (1, 7), (1, 5) }));

        config["target_modules"] = new JsonArray("q_proj", "layers.7.mlp.down_proj");
        File.WriteAllText(path, config.ToJsonString());
        Assert.That(() => PeftFolder.Read(_folder),
            Throws.TypeOf<DataException>().With.Message.Contains("'layers.7.mlp.down_proj' has none"));

        AdapterOptions beyond = AdapterOptions.OfModules([new(2, AdapterTargets.QProj, 4, 8)], useRslora: false);
        using Policy small =
            Policy.CreateRandom(device, Architecture, Options(bf16: false, trainable: false), seed: 1, std: 0.1f);
        Assert.That(() => small.AttachAdapter(beyond, trainable: false, seed: 0),
            Throws.TypeOf<DataException>().With.Message.Contains("layer 2").And.Message.Contains("2 layers"));
    }

    [TestCase(16, 32, false, 2)]
    [TestCase(16, 32, true, 8)]
    public void The_scale_is_alpha_over_rank_or_over_its_root(int rank, double alpha, bool rslora, double expected) =>
        Assert.That(new AdapterOptions(rank, alpha, rslora, AdapterTargets.QProj).Scale, Is.EqualTo(expected));

    [Test]
    public void A_folder_that_does_not_hold_together_is_refused()
    {
        Assert.That(() => PeftFolder.Read(Path.Combine(_folder, "none")),
            Throws.TypeOf<DataException>().With.Message.Contains("does not exist"));
        Assert.That(() => PeftFolder.Read(_folder),
            Throws.TypeOf<DataException>().With.Message.Contains("adapter_config.json"));
        File.WriteAllText(Path.Combine(_folder, "adapter_config.json"), "{\"r\": ");
        Assert.That(() => PeftFolder.Read(_folder), Throws.TypeOf<DataException>().With.Message.Contains("not JSON"));
        using EngineDevice device = EngineDevice.Open("cpu", 1);
        using Policy policy = Adapted(device, bf16: true);
        Assert.That(() => PeftFolder.LoadWeights(policy, _folder),
            Throws.TypeOf<DataException>().With.Message.Contains("has no adapter_model.safetensors"));
        PeftFolder.Save(policy, _folder, "");
        Assert.That(() => ModelFolder.ReadArchitecture(_folder),
            Throws.TypeOf<DataException>().With.Message.Contains("is a PEFT adapter, not a model")
                .And.Message.Contains("model.path=BASE"));
        string weights = Path.Combine(_folder, "adapter_model.safetensors");
        File.WriteAllBytes(weights, File.ReadAllBytes(weights)[..^40]);
        Assert.That(() => PeftFolder.LoadWeights(policy, _folder),
            Throws.TypeOf<TbrmUserException>().With.Property("ExitCode").EqualTo(ExitCode.Data));
    }

    private static ModelArchitecture Architecture { get; } = ModelArchitecture.Parse(new JsonObject
    {
        ["architectures"] = new JsonArray("Qwen2ForCausalLM"),
        ["hidden_size"] = 24,
        ["intermediate_size"] = 40,
        ["num_hidden_layers"] = 2,
        ["num_attention_heads"] = 4,
        ["num_key_value_heads"] = 2,
        ["vocab_size"] = 50,
        ["tie_word_embeddings"] = true,
    }.ToJsonString(), "test");

    private static PolicyOptions Options(bool bf16, bool trainable) =>
        new() { Bf16 = bf16, MaxPositions = 32, Trainable = trainable };

    private static Policy Adapted(EngineDevice device, bool bf16)
    {
        Policy policy = Policy.CreateRandom(device, Architecture, Options(bf16, trainable: true), seed: 1, std: 0.1f);
        policy.AttachAdapter(s_adapter, trainable: true, seed: 3);
        Randomize(policy);
        return policy;
    }

    private static void Randomize(Policy policy)
    {
        Random random = new(5);
        foreach (TensorInfo tensor in policy.Tensors().Where(t => t.IsAdapter))
        {
            policy.Model.Write(tensor.Name, TensorKind.Master,
                [.. Enumerable.Range(0, (int)tensor.Elements).Select(_ => (float)(random.NextDouble() - 0.5))]);
        }
    }

    private static IEnumerable<string> ExpectedNames() =>
        from layer in new[] { 0, 1 }
        from module in new[] { "self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj" }
        from matrix in new[] { "A", "B" }
        select $"base_model.model.model.layers.{layer}.{module}.lora_{matrix}.weight";

    private static IEnumerable<string> TensorNames(string safetensors)
    {
        byte[] bytes = File.ReadAllBytes(safetensors);
        JsonObject header = (JsonObject)JsonNode.Parse(bytes.AsSpan(8, (int)BitConverter.ToInt64(bytes, 0)))!;
        return header.Select(p => p.Key).Where(k => k != "__metadata__");
    }

    /// <summary>A good configuration with one entry replaced or added.</summary>
    private void WriteConfig(string entry)
    {
        JsonObject config = (JsonObject)JsonNode.Parse(
            """{"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 8, "lora_alpha": 16, "bias": "none", "target_modules": ["v_proj"]}""")!;
        foreach ((string key, JsonNode? value) in (JsonObject)JsonNode.Parse("{" + entry + "}")!)
        {
            config[key] = value?.DeepClone();
        }

        File.WriteAllText(Path.Combine(_folder, "adapter_config.json"), config.ToJsonString());
    }
}
