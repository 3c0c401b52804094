using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Training.Runs;

/// <summary><c>generation_config.json</c> of a model folder.</summary>
internal static class GenerationFile
{
    /// <summary>Its path in a folder.</summary>
    public static string PathIn(string folder) => Path.Combine(folder, "generation_config.json");

    /// <summary>Reads it; null when there is none, or no folder.</summary>
    public static JsonObject? Read(string folder)
    {
        string path = PathIn(folder);
        if (folder.Length == 0 || !File.Exists(path))
        {
            return null;
        }

        try
        {
            return JsonNode.Parse(File.ReadAllText(path),
                documentOptions: new() { AllowDuplicateProperties = false }) as JsonObject
                ?? throw new DataException($"{path}: expected a JSON object");
        }
        catch (JsonException e)
        {
            throw new DataException($"{path}: not JSON: {e.Message}", e);
        }
    }

    /// <summary>An end token that the vocabulary does not have would end no response.</summary>
    public static void CheckEndIds(JsonObject? config, int vocabulary, string where)
    {
        int beyond = config is null ? -1 : EndIds(config, where).FirstOrDefault(id => id >= vocabulary, -1);
        if (beyond >= 0)
        {
            throw new DataException(
                $"{where}: eos_token_id is {config!["eos_token_id"]!.ToJsonString()}; config.json's vocab_size is "
                    + $"{vocabulary}, so {beyond} is no token");
        }
    }

    /// <summary>What <c>eos_token_id</c> says: nothing, one id, or a list of them.</summary>
    public static IReadOnlyList<int> EndIds(JsonObject config, string where)
    {
        JsonNode? found = config["eos_token_id"];
        IEnumerable<JsonNode?> ids =
            found switch { null => Array.Empty<JsonNode?>(), JsonArray several => several, _ => new[] { found } };
        return [.. ids.Select(node => node is JsonValue value && value.TryGetValue(out int id) && id >= 0 ? id
            : throw new DataException(
                $"{where}: expected a token's id or a list of ids at eos_token_id, found {found!.ToJsonString()}"))];
    }
}
