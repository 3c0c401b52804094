using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Interop;
using Tbrm.Interop.Stages;

namespace Tbrm.Engine.Models;

/// <summary>
/// A Hugging Face model folder: config.json, model.safetensors or its shards with an index, generation_config.json.
/// Only safetensors are
/// read: a pickle is never opened.
/// </summary>
public static class ModelFolder
{
    private const string SingleFile = "model.safetensors";
    private const string IndexFile = "model.safetensors.index.json";
    private const string Head = "lm_head.weight", Embedding = "model.embed_tokens.weight";

    /// <summary>Tensors go to a new shard beyond this many bytes, as transformers does.</summary>
    private const long ShardBytes = 5_000_000_000;

    private static readonly JsonSerializerOptions s_indented =
        new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Reads <c>config.json</c>. A head of the file's own that differs from the embedding is one, whatever
    /// tie_word_embeddings says.</summary>
    public static ModelArchitecture ReadArchitecture(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new DataException(
                $"model folder {folder} does not exist; expected a folder with config.json and *.safetensors");
        }

        string path = Path.Combine(folder, "config.json");
        if (!File.Exists(path) && PeftFolder.IsAdapter(folder))
        {
            string baseName = PeftFolder.BaseName(folder);
            throw new DataException(
                $"{folder} is a PEFT adapter, not a model: set model.path={(baseName.Length > 0 ? baseName : "BASE")} "
                    + $"model.lora_adapter_path={folder}, or make one model of both with tbrm-native export merge");
        }

        ModelArchitecture architecture = ModelArchitecture.Parse(ReadText(path), path);
        return HasOwnHead(architecture, folder)
            ? architecture.WithOwnHead(
                $"{path}: tie_word_embeddings is true, but the folder holds an lm_head.weight that differs from "
                    + $"model.embed_tokens.weight; that head is used, and what is saved has tie_word_embeddings=false")
            : architecture;
    }

    /// <summary>Names of tensors in the folder's files that the model has no use for: heads of other tasks.</summary>
    public static IReadOnlyList<string> UnusedTensors(EngineModel model, string folder)
    {
        HashSet<string> used = [.. model.BaseTensors().Select(t => t.Name)];
        // The library refuses others of the decoder; a tied model's head is its embedding once more.
        return [.. StoredTensors.Of(WeightPaths(folder)).Keys.Where(name => !used.Contains(name)
            && name != Head && !name.Contains("rotary_emb.", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
    }

    private static bool HasOwnHead(ModelArchitecture architecture, string folder)
    {
        if (!architecture.TieWordEmbeddings || architecture.Head != HeadKind.Lm
            || !(File.Exists(Path.Combine(folder, SingleFile)) || File.Exists(Path.Combine(folder, IndexFile))))
        {
            return false;
        }

        IReadOnlyDictionary<string, StoredTensor> stored = StoredTensors.Of(WeightPaths(folder));
        try
        {
            return stored.TryGetValue(Head, out StoredTensor? head)
                && stored.TryGetValue(Embedding, out StoredTensor? embedding)
                && !StoredTensors.AreEqual(head, embedding);
        }
        catch (IOException)
        {
            // Cut short: the library says where.
            return false;
        }
    }

    /// <summary>Allocates the policy and fills it from the folder's safetensors.</summary>
    public static Policy Load(EngineDevice device, string folder, Func<ModelArchitecture, PolicyOptions> options)
    {
        ModelArchitecture architecture = ReadArchitecture(folder);
        if (architecture.Head != HeadKind.Lm)
        {
            throw new DataException(
                $"{folder} is a value model ({architecture.Raw["architectures"]?[0]}): it has no logits; expected a "
                    + $"language model");
        }

        Policy policy = Policy.Allocate(device, architecture, options(architecture));
        return Filled(policy, folder,
            mayLack: name => policy.Options.ValueHead && name == SharedValueHead.TensorName);
    }

    /// <summary>
    /// Allocates a critic and fills it: from a value model's folder, or from a language model's, whose head is left
    /// aside; the value head is
    /// then drawn from N(0, <paramref name="std"/>^2).
    /// </summary>
    public static Critic LoadCritic(EngineDevice device, string folder, Func<ModelArchitecture, PolicyOptions> options,
        ulong seed, float std)
    {
        ModelArchitecture architecture = ReadArchitecture(folder);
        bool hasHead = architecture.Head != HeadKind.Lm;
        Critic critic = Critic.Allocate(device, architecture.AsCritic(), options(architecture));
        Filled(critic, folder, mayLack: name => !hasHead && name.StartsWith("score.", StringComparison.Ordinal));
        if (!hasHead)
        {
            critic.InitHead(seed, std);
        }

        return critic;
    }

    /// <summary>Fills a policy that is there already with the weights of a folder that a policy of its shape
    /// wrote.</summary>
    public static void LoadInto(Policy policy, string folder)
    {
        foreach (string file in WeightPaths(folder))
        {
            NativeFailures.Translated($"loading {file}", () => WeightFiles.Load(policy.Model, file));
        }
    }

    private static T Filled<T>(T model, string folder, Func<string, bool> mayLack)
        where T : EngineModel
    {
        try
        {
            IReadOnlyList<string> files = WeightPaths(folder);
            _ = StoredTensors.Of(files);
            foreach (string file in files)
            {
                NativeFailures.Translated($"loading {file}", () => WeightFiles.Load(model.Model, file));
            }

            string[] missing = [.. WeightFiles.Missing(model.Model).Where(name => !mayLack(name))];
            if (missing.Length > 0)
            {
                throw new DataException(
                    $"{folder}: {missing.Length} tensors that config.json asks for are in none of {files.Count} "
                        + $"files, the first is {missing[0]}");
            }

            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Writes weights (one file, or shards with an index), config.json and generation_config.json into an existing
    /// folder. Of a model with an
    /// adapter these are the base's.
    /// </summary>
    public static void Save(EngineModel model, string folder, JsonObject? generationConfig = null)
    {
        SaveConfig(model, folder, generationConfig);
        IReadOnlyList<TensorInfo> tensors = model.BaseTensors();
        List<(int First, int Count)> shards = Shards(tensors, model.Options.Bf16 ? 2 : 4);
        if (shards.Count == 1)
        {
            SaveShard(model, Path.Combine(folder, SingleFile), 0, tensors.Count);
            return;
        }

        JsonObject map = [];
        for (int s = 0; s < shards.Count; s++)
        {
            string name = $"model-{s + 1:D5}-of-{shards.Count:D5}.safetensors";
            SaveShard(model, Path.Combine(folder, name), shards[s].First, shards[s].Count);
            foreach (TensorInfo tensor in tensors.Skip(shards[s].First).Take(shards[s].Count))
            {
                map[tensor.Name] = name;
            }
        }

        long bytes = tensors.Sum(t => t.Elements) * (model.Options.Bf16 ? 2 : 4);
        JsonObject index = new() { ["metadata"] = new JsonObject { ["total_size"] = bytes }, ["weight_map"] = map };
        File.WriteAllText(Path.Combine(folder, IndexFile), index.ToJsonString(s_indented) + "\n");
    }

    /// <summary>Writes config.json and generation_config.json alone.</summary>
    public static void SaveConfig(EngineModel model, string folder, JsonObject? generationConfig = null)
    {
        JsonObject config = (JsonObject)model.Architecture.Raw.DeepClone();
        string key = config.ContainsKey("dtype") && !config.ContainsKey("torch_dtype") ? "dtype" : "torch_dtype";
        config[key] = model.Options.Bf16 ? "bfloat16" : "float32";
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString(s_indented) + "\n");
        if (generationConfig is not null)
        {
            File.WriteAllText(Path.Combine(folder, "generation_config.json"),
                generationConfig.ToJsonString(s_indented) + "\n");
        }
    }

    private static void SaveShard(EngineModel model, string path, int first, int count) =>
        NativeFailures.Translated($"saving {path}", () => WeightFiles.Save(model.Model, path, first, count));

    private static List<(int First, int Count)> Shards(IReadOnlyList<TensorInfo> tensors, int elementBytes)
    {
        List<(int First, int Count)> shards = [];
        int first = 0;
        long bytes = 0;
        for (int i = 0; i < tensors.Count; i++)
        {
            long size = tensors[i].Elements * elementBytes;
            if (i > first && bytes + size > ShardBytes)
            {
                shards.Add((first, i - first));
                (first, bytes) = (i, 0);
            }

            bytes += size;
        }

        shards.Add((first, tensors.Count - first));
        return shards;
    }

    /// <summary>The files that hold the weights: model.safetensors, or the shards that its index names.</summary>
    public static IReadOnlyList<string> WeightPaths(string folder)
    {
        string single = Path.Combine(folder, SingleFile), index = Path.Combine(folder, IndexFile);
        if (File.Exists(single))
        {
            return [single];
        }

        if (!File.Exists(index))
        {
            string pickles = Directory.EnumerateFiles(folder, "*.bin").Any()
                ? " It has .bin files, which may run code when read; convert them to safetensors." : "";
            string adapter = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(folder)) ?? "", PeftFolder.FolderName);
            string hint = PeftFolder.IsAdapter(adapter)
                ? $" The checkpoint is an adapter: set model.path=BASE model.lora_adapter_path={adapter}." : "";
            throw new DataException($"{folder} has neither {SingleFile} nor {IndexFile}.{pickles}{hint}");
        }

        JsonObject? map = ConfigJson.Parse(ReadText(index), index)["weight_map"] as JsonObject;
        if (map is null || map.Any(p => p.Value is not JsonValue value || value.GetValueKind() != JsonValueKind.String))
        {
            throw new DataException($"{index}: expected an object weight_map of tensor names to file names");
        }

        List<string> paths = [];
        foreach (string name in map.Select(p => p.Value!.GetValue<string>()).Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal))
        {
            // A shard is a file of this folder: a name with a path in it could read anything.
            if (name.Length == 0 || Path.GetFileName(name) != name)
            {
                throw new DataException($"{index}: '{name}' is not the name of a file in the folder");
            }

            string path = Path.Combine(folder, name);
            paths.Add(File.Exists(path) ? path
                : throw new DataException($"{index} names {name}, which is not in the folder"));
        }

        return paths;
    }

    private static string ReadText(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"cannot read {path}: {e.Message}", e);
        }
    }
}
