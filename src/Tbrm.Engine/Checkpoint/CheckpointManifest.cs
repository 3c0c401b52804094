using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text.Json;
using Tbrm.Core.Files;

namespace Tbrm.Engine.Checkpoint;

/// <summary>MANIFEST.json of a checkpoint: every file with its length and SHA-256. Written last; a folder without it is
/// no checkpoint.</summary>
internal static class CheckpointManifest
{
    public const string FileName = "MANIFEST.json";

    private static readonly JsonSerializerOptions s_indented =
        new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public sealed record Entry(long Bytes, string Sha256);

    public sealed record Content(long Step, SortedDictionary<string, Entry> Files);

    public static void Write(string folder, long step)
    {
        SortedDictionary<string, Entry> files = new(StringComparer.Ordinal);
        foreach (string path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            files[Relative(folder, path)] = Describe(path);
        }

        DurableFiles.ReplaceText(Path.Combine(folder, FileName),
            JsonSerializer.Serialize(new Content(step, files), s_indented) + "\n");
    }

    /// <summary>Null when every file is there with the length and content that the manifest says; else what is
    /// wrong.</summary>
    public static string? Problem(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            return $"{FileName} is missing";
        }

        Content? content;
        try
        {
            content = JsonSerializer.Deserialize<Content>(File.ReadAllText(path), s_indented);
        }
        catch (JsonException e)
        {
            return $"{FileName} is not JSON: {e.Message}";
        }

        if (content?.Files is null || content.Files.Count == 0)
        {
            return $"{FileName} lists no files";
        }

        return content.Files.Select(f => FileProblem(folder, f.Key, f.Value)).FirstOrDefault(p => p is not null);
    }

    private static string? FileProblem(string folder, string name, Entry expected)
    {
        string path = Path.Combine(folder, name);
        if (!File.Exists(path))
        {
            return $"{name} is missing";
        }

        Entry found = Describe(path);
        return found.Bytes != expected.Bytes ? $"{name} has {found.Bytes} bytes, the manifest says {expected.Bytes}"
            : found.Sha256 != expected.Sha256 ? $"the content of {name} is not what was saved"
            : null;
    }

    private static Entry Describe(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return new(stream.Length, Convert.ToHexStringLower(SHA256.HashData(stream)));
    }

    private static string Relative(string folder, string path) => Path.GetRelativePath(folder, path).Replace('\\', '/');
}
