using System.IO;
using System.Runtime.CompilerServices;

namespace Tbrm.Testing;

/// <summary>Where the tests find the repository they were built from.</summary>
public static class Repository
{
    /// <summary>The root folder (the one that holds Tbrm.sln).</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>A file or folder below the root.</summary>
    public static string PathOf(params string[] parts) => Path.Combine(Root, Path.Combine(parts));

    private static string FindRoot([CallerFilePath] string here = "")
    {
        return Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", ".."));
    }
}
