using Tbrm.Interop;

namespace Tbrm.Engine;

/// <summary>The native library that computes.</summary>
public static class EngineLibrary
{
    /// <summary>How it was built: one JSON object.</summary>
    public static string BuildInfo => LibraryLoader.BuildInfo;

    /// <summary>The file that was loaded; null before the first call.</summary>
    public static string? LoadedPath => LibraryLoader.LoadedPath;
}
