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
/// A PEFT adapter folder: adapter_config.json and adapter_model.safetensors, as Hugging Face's peft library writes and reads them. Options
/// that would change the arithmetic in ways that are not built are refused by name, and so is any option of a later version that is set.
/// </summary>
public static class PeftFolder
{
    /// <summary>The name of verl's adapter folder in a checkpoint.</summary>
    public const string FolderName = "lora_adapter";

    /// <summary>The configuration's file name.</summary>
    public const string ConfigFile = "adapter_config.json";

    private const string CausalTask = "CAUSAL_LM", TokenTask = "TOKEN_CLS", SequenceTask = "SEQ_CLS";

    private const string WeightsFile = "adapter_model.safetensors";

    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Read here, or of no effect on what the adapter computes.</summary>
    private static readonly string[] s_known =
    [
        "r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora", "target_modules", "peft_type", "task_type", "bias", "init_lora_weights",
        "base_model_name_or_path", "revision", "inference_mode", "auto_mapping", "peft_version", "lora_dropout", "megatron_core", "qalora_group_size",
    ];

    /// <summary>Initialisations that leave the base as it was; others (pissa, olora, loftq, ...) change its weights, which the folder does not hold.</summary>
    private static readonly string[] s_plainStarts = ["gaussian", "eva", "orthogonal"];

    /// <summary>Whether the folder is an adapter and no model.</summary>
    public static bool IsAdapter(string folder) => File.Exists(Path.Combine(folder, ConfigFile));

    /// <summary>Reads adapter_config.json.</summary>
    public static AdapterOptions Read(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new DataException($"adapter folder {folder} does not exist; model.lora_adapter_path must name a folder with {ConfigFile} and {WeightsFile}");
        }

        string path = Path.Combine(folder, ConfigFile);
        if (!File.Exists(path))
        {
            throw new DataException($"{folder} is no PEFT adapter: there is no {ConfigFile} in it");
        }

        try
        {
            return Parse(ParseText(File.ReadAllText(path), path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"cannot read {path}: {e.Message}", e);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The second: a text with half a surrogate pair, which only shows when it is read.
            throw new DataException($"{path}: not JSON: {e.Message}", e);
        }
    }

    private static JsonObject ParseText(string json, string path) =>
        JsonNode.Parse(json, documentOptions: new() { AllowDuplicateProperties = false }) as JsonObject ?? throw new DataException($"{path}: expected a JSON object");

    /// <summary>The base model's folder or name, as the adapter has it; empty when it does not say.</summary>
    public static string BaseName(string folder)
    {
        _ = Read(folder);
        JsonNode? node = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, ConfigFile)))?["base_model_name_or_path"];
        return node is JsonValue value && value.TryGetValue(out string? name) ? name : "";
    }

    /// <summary>Reads the adapter's weights into a model that has an adapter of the same shape.</summary>
    public static void LoadWeights(EngineModel model, string folder)
    {
        string path = Path.Combine(folder, WeightsFile);
        if (!File.Exists(path))
        {
            string pickle = File.Exists(Path.Combine(folder, "adapter_model.bin")) ? " It has adapter_model.bin, which may run code when read; save it again with safe_serialization=True." : "";
            throw new DataException($"{folder} has no {WeightsFile}.{pickle}");
        }

        NativeFailures.Translated($"loading {path}", () => WeightFiles.LoadAdapter(model.Model, path));
    }

    /// <summary>Writes a model's adapter into an existing folder.</summary>
    /// <param name="model">Has an adapter.</param>
    /// <param name="folder">Where.</param>
    /// <param name="baseName">Folder or name of the base model; empty when there is none to name.</param>
    public static void Save(EngineModel model, string folder, string baseName)
    {
        AdapterOptions adapter = model.Adapter ?? throw new InvalidOperationException("the model has no adapter");
        File.WriteAllText(Path.Combine(folder, ConfigFile), Config(adapter, baseName, model.Architecture.Head).ToJsonString(s_indented) + "\n");
        string path = Path.Combine(folder, WeightsFile);
        NativeFailures.Translated($"saving {path}", () => WeightFiles.SaveAdapter(model.Model, path));
    }

    /// <summary>The files of a folder.</summary>
    public static IReadOnlyList<string> Files { get; } = [ConfigFile, WeightsFile];

    /// <summary>Names another base in the folder's adapter_config.json.</summary>
    public static void Rebase(string folder, string baseName)
    {
        string path = Path.Combine(folder, ConfigFile);
        JsonObject config = (JsonObject)JsonNode.Parse(File.ReadAllText(path))!;
        config["base_model_name_or_path"] = baseName;
        File.WriteAllText(path, config.ToJsonString(s_indented) + "\n");
    }

    private static JsonObject Config(AdapterOptions adapter, string baseName, HeadKind head) => new()
    {
        ["alpha_pattern"] = new JsonObject(),
        ["auto_mapping"] = null,
        ["base_model_name_or_path"] = baseName.Length > 0 ? baseName : null,
        ["bias"] = "none",
        ["fan_in_fan_out"] = false,
        ["inference_mode"] = true,
        ["init_lora_weights"] = true,
        ["layers_pattern"] = null,
        ["layers_to_transform"] = null,
        ["lora_alpha"] = Number(adapter.Alpha),
        ["lora_dropout"] = 0.0,
        ["modules_to_save"] = head == HeadKind.Lm ? null : new JsonArray("score"),
        ["peft_type"] = "LORA",
        ["r"] = adapter.Rank,
        ["rank_pattern"] = new JsonObject(),
        ["revision"] = null,
        ["target_modules"] = new JsonArray([.. adapter.TargetNames.Select(n => (JsonNode)n)]),
        ["task_type"] = head switch { HeadKind.ValueBias => TokenTask, HeadKind.Value => SequenceTask, _ => CausalTask },
        ["use_dora"] = false,
        ["use_rslora"] = adapter.UseRslora,
    };

    /// <summary>PEFT's alpha is a whole number as a rule; a written 16.0 would be a difference for nothing.</summary>
    private static JsonNode Number(double value) => value == Math.Floor(value) && Math.Abs(value) < 1e15 ? (long)value : value;

    private static AdapterOptions Parse(JsonObject json, string path)
    {
        string kind = Text(json, "peft_type", "LORA", path);
        Require(kind == "LORA", path, "peft_type", json, "\"LORA\"; other kinds of adapters are not supported");
        string task = Text(json, "task_type", CausalTask, path);
        Require(task is CausalTask or TokenTask or SequenceTask, path, "task_type", json, $"\"{CausalTask}\", or of a critic \"{TokenTask}\" or \"{SequenceTask}\"");
        Require(Text(json, "bias", "none", path) == "none", path, "bias", json, "\"none\": trained biases are not supported");
        CheckStart(json, path);
        foreach ((string key, JsonNode? value) in json)
        {
            bool isHead = key == "modules_to_save" && task != CausalTask && IsHead(value);
            Require(isHead || s_known.Contains(key, StringComparer.Ordinal) || IsOff(value), path, key, json, "nothing there, or null: the option is not supported");
        }

        int rank = json["r"] is JsonValue r && r.TryGetValue(out int whole) && whole > 0 ? whole : throw Wrong(path, "r", json, "a whole number of at least 1");
        double alpha = json["lora_alpha"] is JsonValue a && a.TryGetValue(out double number) && number > 0 && double.IsFinite(number) ? number : throw Wrong(path, "lora_alpha", json, "a positive number");
        string weights = Path.Combine(Path.GetDirectoryName(path)!, WeightsFile);
        if (!IsOff(json["rank_pattern"]))
        {
            IReadOnlyDictionary<string, long> modules = PeftPatterns.Modules(weights);
            rank = modules.Count > 0 ? PeftPatterns.Rank(modules, rank, path) : throw Wrong(path, "rank_pattern", json, $"nothing there without {WeightsFile}, whose tensors have the ranks");
        }

        if (!IsOff(json["alpha_pattern"]))
        {
            alpha = json["alpha_pattern"] is JsonObject patterns ? PeftPatterns.Alpha(patterns, PeftPatterns.Modules(weights), alpha, path) : throw Wrong(path, "alpha_pattern", json, "an object of patterns and numbers");
        }

        bool rslora = json["use_rslora"] is { } flag && flag.GetValueKind() == JsonValueKind.True;
        return new(rank, alpha, rslora, Targets(json, path));
    }

    private static void CheckStart(JsonObject json, string path)
    {
        JsonNode? start = json["init_lora_weights"];
        bool plain = start is null || start.GetValueKind() is JsonValueKind.True or JsonValueKind.False
            || (start is JsonValue value && value.TryGetValue(out string? name) && s_plainStarts.Contains(name, StringComparer.Ordinal));
        Require(plain, path, "init_lora_weights", json, $"true, false, {string.Join(", ", s_plainStarts)}: other initialisations change the base's weights too");
    }

    /// <summary>A list of projections (the last part of a dotted name counts, as in PEFT), or all-linear, or a regular expression.</summary>
    private static AdapterTargets Targets(JsonObject json, string path)
    {
        List<string> names = json["target_modules"] switch
        {
            JsonArray list when list.All(n => n is JsonValue v && v.GetValueKind() == JsonValueKind.String) => [.. list.Select(n => n!.GetValue<string>())],
            JsonValue one when one.TryGetValue(out string? text) => [text],
            _ => throw Wrong(path, "target_modules", json, AdapterOptions.KnownTargets),
        };
        AdapterTargets targets = AdapterOptions.ParseTargets(names.Select(Leaf), out IReadOnlyList<string> unknown);
        if (json["target_modules"] is JsonValue && unknown.Count > 0)
        {
            // A single text that is no name is a regular expression over the modules' names: the tensors say what it has matched.
            IReadOnlyDictionary<string, long> modules = PeftPatterns.Modules(Path.Combine(Path.GetDirectoryName(path)!, WeightsFile));
            targets = AdapterOptions.ParseTargets(PeftPatterns.Projections(modules), out unknown);
        }

        return targets != 0 && unknown.Count == 0 ? targets : throw Wrong(path, "target_modules", json, AdapterOptions.KnownTargets);
    }

    /// <summary>"self_attn.q_proj" means q_proj of every layer; a name with a layer's number would not.</summary>
    private static string Leaf(string name) => name switch
    {
        _ when name.StartsWith("self_attn.", StringComparison.Ordinal) => name["self_attn.".Length..],
        _ when name.StartsWith("mlp.", StringComparison.Ordinal) => name["mlp.".Length..],
        _ => name,
    };

    private static string Text(JsonObject json, string key, string fallback, string path) => json[key] switch
    {
        null => fallback,
        JsonValue value when value.TryGetValue(out string? text) => text,
        _ => throw Wrong(path, key, json, "a text"),
    };

    /// <summary>The head of a critic is trained whole, and saved with the adapter; PEFT names both of its usual names.</summary>
    private static bool IsHead(JsonNode? value) => value is JsonArray names
        && names.Any(n => n?.ToString() == "score") && names.All(n => n?.ToString() is "score" or "classifier");

    private static bool IsOff(JsonNode? value) => value switch
    {
        null => true,
        JsonArray { Count: 0 } or JsonObject { Count: 0 } => true,
        JsonValue scalar => scalar.GetValueKind() == JsonValueKind.False || (scalar.TryGetValue(out string? text) && text.Length == 0),
        _ => false,
    };

    private static void Require(bool condition, string path, string key, JsonObject json, string expected)
    {
        if (!condition)
        {
            throw Wrong(path, key, json, expected);
        }
    }

    private static DataException Wrong(string path, string key, JsonObject json, string expected)
    {
        string found = json.TryGetPropertyValue(key, out JsonNode? value) ? value?.ToJsonString() ?? "null" : "nothing";
        return new($"{path}: {key} is {(found.Length > 200 ? found[..200] + "..." : found)}; expected {expected}");
    }
}
