using System;
using System.IO;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Tbrm.Interop;

namespace Tbrm.Engine;

/// <summary>The native library that computes.</summary>
public static class EngineLibrary
{
    /// <summary>How it was built: one JSON object.</summary>
    public static string BuildInfo => LibraryLoader.BuildInfo;

    /// <summary>The file that was loaded; null before the first call.</summary>
    public static string? LoadedPath => LibraryLoader.LoadedPath;

    /// <summary>Sixteen digits that differ between two builds of it.</summary>
    public static string Hash()
    {
        _ = BuildInfo;
        return Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(LoadedPath!)))[..16];
    }

    /// <summary>The instruction set that it computes with, which decides how products round.</summary>
    public static string InstructionSet => (string?)JsonNode.Parse(BuildInfo)?["isa"] ?? "unknown";
}
