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
/// A PEFT adapter folder: adapter_config.json and adapter_model.safetensors, as Hugging Face's peft library writes and
/// reads them. Options
/// that would change the arithmetic in ways that are not built are refused by name, and so is any option of a later
/// version that is set.
/// </summary>
public static class PeftFolder
{
    /// <summary>The name of verl's adapter folder in a checkpoint.</summary>
    public const string FolderName = "lora_adapter";

    /// <summary>The configuration's file name.</summary>
    public const string ConfigFile = "adapter_config.json";

    private const string CausalTask = "CAUSAL_LM", TokenTask = "TOKEN_CLS", SequenceTask = "SEQ_CLS";

    private const string WeightsFile = "adapter_model.safetensors";

    private static readonly JsonSerializerOptions s_indented =
        new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Read here, or of no effect on what the adapter computes.</summary>
    private static readonly string[] s_known =
    [
        "r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora", "target_modules", "peft_type", "task_type",
            "bias", "init_lora_weights",
        "base_model_name_or_path", "revision", "inference_mode", "auto_mapping", "peft_version", "lora_dropout",
            "megatron_core", "qalora_group_size",
    ];

    /// <summary>Initialisations that leave the base as it was; others (pissa, olora, loftq, ...) change its weights,
    /// which the folder does not hold.</summary>
    private static readonly string[] s_plainStarts = ["gaussian", "eva", "orthogonal"];

    /// <summary>Whether the folder is an adapter and no model.</summary>
    public static bool IsAdapter(string folder) => File.Exists(Path.Combine(folder, ConfigFile));

    /// <summary>Reads adapter_config.json.</summary>
    public static AdapterOptions Read(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new DataException(
                $"adapter folder {folder} does not exist; expected a folder with "
                    + $"{ConfigFile} and {WeightsFile}");
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
        JsonNode.Parse(json, documentOptions: new() { AllowDuplicateProperties = false }) as JsonObject
            ?? throw new DataException($"{path}: expected a JSON object");

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
            string pickle = File.Exists(Path.Combine(folder, "adapter_model.bin"))
                ? " It has adapter_model.bin, which may run code when read; save it again with safe_serialization=True."
                : "";
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
        File.WriteAllText(Path.Combine(folder, ConfigFile),
            Config(adapter, baseName, model.Architecture).ToJsonString(s_indented) + "\n");
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

    private static JsonObject Config(AdapterOptions adapter, string baseName, ModelArchitecture architecture) => new()
    {
        ["alpha_pattern"] = Pattern(adapter, m => m.Alpha, adapter.Alpha, Number),
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
        ["modules_to_save"] = architecture.Head == HeadKind.Lm ? null : new JsonArray("score"),
        ["peft_type"] = "LORA",
        ["r"] = adapter.Rank,
        ["rank_pattern"] = Pattern(adapter, m => m.Rank, adapter.Rank, r => r),
        ["revision"] = null,
        ["target_modules"] = new JsonArray([.. TargetModules(adapter, architecture.Layers).Select(n => (JsonNode)n)]),
        ["task_type"] = architecture.Head switch
        {
            HeadKind.ValueBias => TokenTask,
            HeadKind.Value => SequenceTask,
            _ => CausalTask
        },
        ["use_dora"] = false,
        ["use_rslora"] = adapter.UseRslora,
    };

    /// <summary>What of the modules is not what most have.</summary>
    private static JsonObject Pattern<T>(AdapterOptions adapter, Func<AdapterModule, T> of, T most,
        Func<T, JsonNode> write) =>
        new((adapter.Modules ?? []).Where(m => !EqualityComparer<T>.Default.Equals(of(m), most))
            .Select(m => KeyValuePair.Create(PeftPatterns.Key(m), (JsonNode?)write(of(m)))));

    /// <summary>Names of projections where every layer has them all; else those of the modules, one by one.</summary>
    private static IEnumerable<string> TargetModules(AdapterOptions adapter, int layers) =>
        adapter.Modules is null || adapter.Modules.Count == layers * adapter.TargetNames.Count ? adapter.TargetNames
            : adapter.Modules.Select(PeftPatterns.Key);

    /// <summary>PEFT's alpha is a whole number as a rule; a written 16.0 would be a difference for nothing.</summary>
    private static JsonNode Number(double value) => value == Math.Floor(value) && Math.Abs(value) < 1e15 ? (long)value
        : value;

    private static AdapterOptions Parse(JsonObject json, string path)
    {
        string kind = Text(json, "peft_type", "LORA", path);
        Require(kind == "LORA", path, "peft_type", json, "\"LORA\"; other kinds of adapters are not supported");
        string task = Text(json, "task_type", CausalTask, path);
        Require(task is CausalTask or TokenTask or SequenceTask, path, "task_type", json,
            $"\"{CausalTask}\", or of a critic \"{TokenTask}\" or \"{SequenceTask}\"");
        Require(Text(json, "bias", "none", path) == "none", path, "bias", json,
            "\"none\": trained biases are not supported");
        CheckStart(json, path);
        foreach ((string key, JsonNode? value) in json)
        {
            bool isHead = key == "modules_to_save" && task != CausalTask && IsHead(value);
            Require(isHead || s_known.Contains(key, StringComparer.Ordinal) || IsOff(value), path, key, json,
                "nothing there, or null: the option is not supported");
        }

        int rank = json["r"] is JsonValue r && r.TryGetValue(out int whole) && whole > 0 ? whole
            : throw Wrong(path, "r", json, "a whole number of at least 1");
        double alpha = json["lora_alpha"] is JsonValue a && a.TryGetValue(out double number) && number > 0
            && double.IsFinite(number) ? number : throw Wrong(path, "lora_alpha", json, "a positive number");
        bool rslora = json["use_rslora"] is { } flag && flag.GetValueKind() == JsonValueKind.True;
        JsonObject? alphas = IsOff(json["alpha_pattern"]) ? null : json["alpha_pattern"] as JsonObject
            ?? throw Wrong(path, "alpha_pattern", json, "an object of patterns and numbers");
        bool hasRanks = !IsOff(json["rank_pattern"]);
        AdapterTargets? everyLayer = Targets(json, path);
        if (everyLayer is { } targets && alphas is null && !hasRanks)
        {
            return new(rank, alpha, rslora, targets);
        }

        IReadOnlyList<(string Name, long Rank)> modules =
            PeftPatterns.Modules(Path.Combine(Path.GetDirectoryName(path)!, WeightsFile));
        string asking = hasRanks ? "rank_pattern" : alphas is not null ? "alpha_pattern" : "target_modules";
        return modules.Count == 0
            ? throw Wrong(path, asking, json,
                (everyLayer is null ? $"{AdapterOptions.KnownTargets}; or" : "nothing there; or")
                + $" {WeightsFile} beside it, whose tensors say what it is for")
            : AdapterOptions.OfModules(PeftPatterns.Resolve(Checked(json, modules, path), alphas, alpha, path), rslora);
    }

    private static void CheckStart(JsonObject json, string path)
    {
        JsonNode? start = json["init_lora_weights"];
        bool plain = start is null || start.GetValueKind() is JsonValueKind.True or JsonValueKind.False
            || (start is JsonValue value && value.TryGetValue(out string? name)
                && s_plainStarts.Contains(name, StringComparer.Ordinal));
        Require(plain, path, "init_lora_weights", json,
            $"true, false, {string.Join(", ", s_plainStarts)}: other initialisations change the base's weights too");
    }

    /// <summary>A list of projections (the last part of a dotted name counts, as in PEFT), or all-linear; null where
    /// the tensors have to say (names with a layer's number, a regular expression).</summary>
    private static AdapterTargets? Targets(JsonObject json, string path)
    {
        AdapterTargets targets =
            AdapterOptions.ParseTargets(Names(json, path).Select(Leaf), out IReadOnlyList<string> unknown);
        return unknown.Count > 0 ? null : targets != 0 ? targets
            : throw Wrong(path, "target_modules", json, AdapterOptions.KnownTargets);
    }

    private static List<string> Names(JsonObject json, string path) => json["target_modules"] switch
    {
        JsonArray list when list.All(n => n is JsonValue v && v.GetValueKind() == JsonValueKind.String) =>
            [.. list.Select(n => n!.GetValue<string>())],
        JsonValue one when one.TryGetValue(out string? text) => [text],
        _ => throw Wrong(path, "target_modules", json, AdapterOptions.KnownTargets),
    };

    /// <summary>The modules, when each name of a list is the end of one's name; a name of nothing would be an adapter
    /// that is not there.</summary>
    private static IReadOnlyList<(string Name, long Rank)> Checked(JsonObject json,
        IReadOnlyList<(string Name, long Rank)> modules, string path)
    {
        bool isList = json["target_modules"] is JsonArray;
        string? lost = Names(json, path)
            .FirstOrDefault(n => isList && n != AdapterOptions.AllLinear
            && !modules.Any(m => m.Name == n || m.Name.EndsWith("." + n, StringComparison.Ordinal)));
        return lost is null ? modules
            : throw Wrong(path, "target_modules", json,
            $"names of modules that {WeightsFile} has tensors for ('{lost}' has none)");
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

    /// <summary>The head of a critic is trained whole, and saved with the adapter; PEFT names both of its usual
    /// names.</summary>
    private static bool IsHead(JsonNode? value) => value is JsonArray names
        && names.Any(n => n?.ToString() == "score") && names.All(n => n?.ToString() is "score" or "classifier");

    private static bool IsOff(JsonNode? value) => value switch
    {
        null => true,
        JsonArray { Count: 0 } or JsonObject { Count: 0 } => true,
        JsonValue scalar => scalar.GetValueKind() == JsonValueKind.False
            || (scalar.TryGetValue(out string? text) && text.Length == 0),
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
