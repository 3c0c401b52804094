using System;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core;
using Tbrm.Engine;

namespace Tbrm.Training;

/// <summary>
/// base_model.json of a checkpoint that holds an adapter alone: which weights the adapter belongs to. Of each file the length and a digest of
/// its first and last megabyte: read in no time, and different for any other model.
/// </summary>
internal static class BaseModelRecord
{
    private const int EndBytes = 1 << 20;

    /// <summary>Writes the record of a model folder.</summary>
    public static void Write(string path, string modelFolder) => File.WriteAllText(path, Describe(modelFolder).ToJsonString() + "\n");

    /// <summary>Throws unless the folder holds the weights that the record describes.</summary>
    public static void Check(string path, string modelFolder)
    {
        JsonObject? files = Read(path)["files"] as JsonObject;
        JsonObject found = (JsonObject)Describe(modelFolder)["files"]!;
        if (!JsonNode.DeepEquals(files, found))
        {
            string differs = found.Select(p => p.Key).Union(files?.Select(p => p.Key) ?? []).First(name => !JsonNode.DeepEquals(files?[name], found[name]));
            throw new DataException(
                $"the base model in {modelFolder} is not the one that the run began with ({differs} differs from {path}); an adapter is worth nothing with another base");
        }
    }

    /// <summary>The folder that the record was written for.</summary>
    public static string PathIn(string path) =>
        Read(path)["path"] is JsonValue value && value.TryGetValue(out string? folder) ? folder : throw new DataException($"{path}: expected a text at path");

    private static JsonObject Read(string path)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new DataException($"{path}: expected a JSON object");
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            throw new DataException($"{path}: {e.Message}", e);
        }
    }

    private static JsonObject Describe(string modelFolder) => new()
    {
        ["path"] = Path.GetFullPath(modelFolder),
        ["files"] = new JsonObject(ModelFolder.WeightPaths(modelFolder).Select(f => System.Collections.Generic.KeyValuePair.Create(Path.GetFileName(f), (JsonNode?)Describe(f, EndBytes)))),
    };

    private static JsonObject Describe(string file, int endBytes)
    {
        using FileStream stream = File.OpenRead(file);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[(int)Math.Min(endBytes, stream.Length)];
        stream.ReadExactly(buffer);
        hash.AppendData(buffer);
        stream.Seek(-buffer.Length, SeekOrigin.End);
        stream.ReadExactly(buffer);
        hash.AppendData(buffer);
        return new() { ["bytes"] = stream.Length, ["sha256_of_ends"] = Convert.ToHexStringLower(hash.GetHashAndReset()) };
    }
}
