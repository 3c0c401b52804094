using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Tasks;
using Tbrm.Core.Errors;
using Tbrm.Engine.Models;

namespace Tbrm.Training.Runs;

/// <summary>
/// base_model.json of a checkpoint that holds an adapter alone: which weights the adapter belongs to. Of each file the
/// length and the SHA-256
/// of all its bytes: a part of them would not do, as a model that was trained further, or that an adapter was merged
/// into, may differ
/// anywhere. A run reads its base for that once at its first checkpoint, and once when it is resumed.
/// </summary>
internal static class BaseModelRecord
{
    private const string DigestKey = "sha256";

    /// <summary>Digests of files as they were at some time, so that the later checkpoints of a run do not read the base
    /// again.</summary>
    private static readonly ConcurrentDictionary<Weights, string> s_written = new();

    /// <summary>A file of weights as it was found. A FileInfo looks on first use, so two threads that ask it at once
    /// may be told that it is empty.</summary>
    private readonly record struct Weights(string Path, long Bytes, DateTime Changed)
    {
        public string Name => System.IO.Path.GetFileName(Path);

        public static Weights At(string path)
        {
            FileInfo file = new(path);
            return new(file.FullName, file.Length, file.LastWriteTimeUtc);
        }
    }

    /// <summary>Writes the record of a model folder.</summary>
    public static void Write(string path, string modelFolder)
    {
        JsonObject record = new()
        {
            ["path"] = Path.GetFullPath(modelFolder),
            ["files"] = Describe(
                modelFolder, file => Task.Run(() => s_written.GetOrAdd(file, static key => Digest(key.Path)))),
        };
        File.WriteAllText(path, record.ToJsonString() + "\n");
    }

    /// <summary>Throws unless the folder holds the weights that the record describes.</summary>
    public static void Check(string path, string modelFolder)
    {
        JsonObject? files = Read(path)["files"] as JsonObject;
        if (Difference(files, modelFolder) is { } differs)
        {
            throw new DataException(
                $"the base model in {modelFolder} is not the one that the run began with ({differs} differs from "
                    + $"{path}); an adapter is worth nothing with another base");
        }
    }

    /// <summary>Throws unless two folders hold the same weights in the same files.</summary>
    public static void CheckSame(string expected, string modelFolder)
    {
        if (Difference(Describe(expected, file => Task.Run(() => Digest(file.Path))), modelFolder) is { } differs)
        {
            throw new DataException(
                $"the base model in {modelFolder} is not the one that the adapter was trained on ({differs} differs "
                    + $"from the one in {expected}); an adapter is worth nothing with another base");
        }
    }

    /// <summary>The folder that the record was written for.</summary>
    public static string PathIn(string path) =>
        Read(path)["path"] is JsonValue value && value.TryGetValue(out string? folder) ? folder
            : throw new DataException($"{path}: expected a text at path");

    private static JsonObject Read(string path)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(path)) as JsonObject
                ?? throw new DataException($"{path}: expected a JSON object");
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            throw new DataException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>The name of a file that is not as described; null when there is none. Files of another length are not
    /// read.</summary>
    private static string? Difference(JsonObject? expected, string modelFolder)
    {
        JsonObject found = Describe(
            modelFolder, file => BytesOf(expected?[file.Name]) == file.Bytes ? Task.Run(() => Digest(file.Path))
            : Task.FromResult(""));
        return found.Select(p => p.Key).Union(expected?.Select(p => p.Key) ?? [])
            .FirstOrDefault(name => !JsonNode.DeepEquals(expected?[name], found[name]));
    }

    private static long? BytesOf(JsonNode? file) => (file as JsonObject)?["bytes"] is JsonValue value
        && value.TryGetValue(out long bytes) ? bytes : null;

    /// <param name="modelFolder">The folder.</param>
    /// <param name="digest">Begins a file's digest, so that shards are read side by side.</param>
    private static JsonObject Describe(string modelFolder, Func<Weights, Task<string>> digest)
    {
        List<(Weights File, Task<string> Digest)> files =
            [.. ModelFolder.WeightPaths(modelFolder).Select(Weights.At).Select(f => (f, digest(f)))];
        return new(files.Select(f => KeyValuePair.Create(
            f.File.Name, (JsonNode?)new JsonObject
            {
                ["bytes"] = f.File.Bytes,
                [DigestKey] = f.Digest.GetAwaiter().GetResult()
            })));
    }

    private static string Digest(string path)
    {
        using FileStream stream =
            new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 20, FileOptions.SequentialScan);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
