using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>Model folders whose files say more than config.json, or something else: used, refused, or left out by
/// name.</summary>
public sealed class ForeignModelTests : FolderTests
{
    private string Model => Path.Combine(Folder, "model");

    private string Weights => Path.Combine(Model, "model.safetensors");

    /// <summary>The untied twin of the same tensors answers alike.</summary>
    [Test]
    public void A_head_of_the_files_own_is_used_although_config_json_ties_it_and_is_saved()
    {
        TinyModel.Write(Model, tied: false);
        Outcome untied = Generate();
        Edit("config.json", json => json["tie_word_embeddings"] = true);
        Outcome tied = Generate();
        Assert.That(tied.ExitCode, Is.Zero, tied.Error);
        Assert.That(tied.Output, Is.EqualTo(untied.Output));
        Assert.That(tied.Error, Does.Contain("lm_head.weight").And.Contain("tie_word_embeddings"));
        string run = Path.Combine(Folder, "run");
        Outcome trained = CommandLine.Run(
            "sft", "--run-dir", run, "model.path="
            + Model, "data.task=chain_sum", "sft.total_training_steps=1", "sft.train_batch_size=2",
            "sft.val_accuracy=false", "trainer.threads=1",
            "data.max_prompt_length=256");
        Assert.That(trained.ExitCode, Is.Zero, trained.Error);
        string saved = Path.Combine(run, "checkpoints", "global_step_1", "actor", "huggingface");
        Assert.That((bool)JsonNode.Parse(File.ReadAllText(Path.Combine(saved, "config.json")))!["tie_word_embeddings"]!,
            Is.False);
        Assert.That(Header(Path.Combine(saved, "model.safetensors")).ContainsKey("lm_head.weight"), Is.True);
    }

    [TestCase("lm_head.bias", 3)]
    [TestCase("model.embed_positions.weight", 3)]
    [TestCase("model.layers.7.mlp.up_proj.weight", 3)]
    [TestCase("score.weight", 0)]
    [TestCase("v_head.summary.weight", 0)]
    public void A_tensor_that_the_model_has_no_use_for_is_named(string name, int exitCode)
    {
        TinyModel.Write(Model, tied: true);
        AddTensor(Weights, name);
        Outcome outcome = Generate();
        Assert.That(outcome.ExitCode, Is.EqualTo(exitCode), outcome.Error);
        Assert.That(outcome.Error, Does.Contain(name));
    }

    [Test]
    public void A_tensor_that_is_in_two_shards_is_refused_with_both_files()
    {
        TinyModel.Write(Model, tied: true);
        File.Move(Weights, Path.Combine(Model, "a.safetensors"));
        File.Copy(Path.Combine(Model, "a.safetensors"), Path.Combine(Model, "b.safetensors"));
        File.WriteAllText(Path.Combine(Model, "model.safetensors.index.json"),
            """{"weight_map": {"model.norm.weight": "a.safetensors", "model.embed_tokens.weight": "b.safetensors"}}""");
        Outcome outcome = Generate();
        Assert.That(outcome.ExitCode, Is.EqualTo(3), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("a.safetensors").And.Contain("b.safetensors").And.Contain("two files"));
    }

    [Test]
    public void An_index_that_names_a_shard_which_is_not_there_is_refused_with_its_name()
    {
        TinyModel.Write(Model, tied: true);
        File.Move(Weights, Path.Combine(Model, "a.safetensors"));
        File.WriteAllText(Path.Combine(Model, "model.safetensors.index.json"),
            """{"weight_map": {"model.norm.weight": "a.safetensors", "model.embed_tokens.weight": "gone.safetensors"}}""");
        Outcome outcome = Generate();
        Assert.That(outcome.ExitCode, Is.EqualTo(3), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("gone.safetensors").And.Not.Contain("   at "));
    }

    [Test]
    public void Two_files_in_one_are_refused()
    {
        TinyModel.Write(Model, tied: true);
        byte[] bytes = File.ReadAllBytes(Weights);
        File.WriteAllBytes(Weights, [.. bytes, .. bytes]);
        Outcome outcome = Generate();
        Assert.That(outcome.ExitCode, Is.EqualTo(3), outcome.Error);
        Assert.That(outcome.Error,
            Does.Contain("model.safetensors").And.Contain($"{bytes.Length} bytes follow the last tensor"));
    }

    /// <summary>Types differ from tensor to tensor; what is exact in each says the same.</summary>
    [Test]
    public void A_file_of_mixed_types_is_read_and_whole_numbers_are_refused()
    {
        TinyModel.Write(Model, tied: true);
        Outcome before = Generate();
        Retype((i, _) => new[] { "BF16", "F32", "F64" }[i % 3]);
        Outcome mixed = Generate();
        Assert.That(mixed.ExitCode, Is.Zero, mixed.Error);
        Assert.That(mixed.Output, Is.EqualTo(before.Output));

        TinyModel.Write(Model, tied: true);
        Retype((_, name) => name == "model.norm.weight" ? "I8" : "BF16");
        Outcome whole = Generate();
        Assert.That(whole.ExitCode, Is.EqualTo(3), whole.Error);
        Assert.That(whole.Error, Does.Contain("model.norm.weight").And.Contain("I8"));
    }

    [TestCase("config.json")]
    [TestCase("generation_config.json")]
    public void An_end_token_beyond_the_vocabulary_is_refused(string file)
    {
        TinyModel.Write(Model, tied: true);
        Edit(file, json => json["eos_token_id"] = new JsonArray(5, 99999));
        Outcome outcome = Generate();
        Assert.That(outcome.ExitCode, Is.EqualTo(3), outcome.Error);
        Assert.That(outcome.Error, Does.Contain(file).And.Contain("eos_token_id").And.Contain("99999"));
    }

    private Outcome Generate() =>
        CommandLine.Run("generate", "--prompt", "2 + 3", "rollout.temperature=0", "rollout.n=1",
        "data.max_response_length=8", "trainer.threads=1", "model.path=" + Model);

    private void Edit(string file, Action<JsonObject> change)
    {
        string path = Path.Combine(Model, file);
        JsonObject json = (JsonObject)JsonNode.Parse(File.ReadAllText(path))!;
        change(json);
        File.WriteAllText(path, json.ToJsonString());
    }

    private static Dictionary<string, JsonNode?> Header(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        return ((JsonObject)JsonNode.Parse(bytes.AsSpan(8, length))!)
            .ToDictionary(p => p.Key, p => p.Value?.DeepClone());
    }

    /// <summary>Writes the bf16 tensors of the weights again, each with the type that is asked for.</summary>
    private void Retype(Func<int, string, string> typeOf)
    {
        byte[] bytes = File.ReadAllBytes(Weights);
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        JsonObject header = [];
        MemoryStream data = new();
        foreach (((string name, JsonNode? tensor), int i) in Header(Weights).Where(p => p.Key != "__metadata__")
            .Select((p, i) => (p, i)))
        {
            long begin = data.Length;
            string type = typeOf(i, name);
            int first = 8 + length + (int)tensor!["data_offsets"]![0]!, end = 8 + length
                + (int)tensor["data_offsets"]![1]!;
            for (int at = first; at < end; at += 2)
            {
                float value = BitConverter.Int32BitsToSingle(
                    BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at)) << 16);
                data.Write(type switch
                {
                    "F32" => BitConverter.GetBytes(value),
                    "F64" => BitConverter.GetBytes((double)value),
                    "I8" => [1],
                    _ => bytes[at..(at + 2)]
                });
            }

            header[name] = new JsonObject
            {
                ["dtype"] = type,
                ["shape"] = tensor["shape"]!.DeepClone(),
                ["data_offsets"] = new JsonArray(begin, data.Length)
            };
        }

        byte[] text = Encoding.UTF8.GetBytes(header.ToJsonString());
        File.WriteAllBytes(Weights, [.. BitConverter.GetBytes((long)text.Length), .. text, .. data.ToArray()]);
    }

    /// <summary>Adds four bytes at the end of the file as a tensor of one number.</summary>
    private static void AddTensor(string path, string name)
    {
        byte[] bytes = File.ReadAllBytes(path);
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        JsonObject header = (JsonObject)JsonNode.Parse(bytes.AsSpan(8, length))!;
        int end = bytes.Length - 8 - length;
        header[name] = new JsonObject
        {
            ["dtype"] = "F32",
            ["shape"] = new JsonArray(1),
            ["data_offsets"] = new JsonArray(end, end + 4)
        };
        byte[] text = Encoding.UTF8.GetBytes(header.ToJsonString());
        using FileStream file = File.Create(path);
        file.Write(BitConverter.GetBytes((long)text.Length));
        file.Write(text);
        file.Write(bytes, 8 + length, end);
        file.Write([0, 0, 128, 63]);
    }
}
