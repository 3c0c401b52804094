using System;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using Tbrm.Core.Errors;
using TorchSharp;

namespace Tbrm.Torch;

/// <summary>libtorch in this process, loaded when the first objective is evaluated.</summary>
internal static class TorchLibrary
{
    private const string Bindings = "libLibTorchSharp.so";

    private static readonly Lazy<bool> s_loaded = new(Load);

    /// <summary>Loads it.</summary>
    /// <exception cref="ConfigException">It does not load here.</exception>
    public static void Require() => _ = s_loaded.Value;

    private static bool Load()
    {
        // Asked before TorchSharp tries: where it fails it copies half a gigabyte, prints a page, and then says that
        // the package is missing, whatever the reason.
        if (Problem() is { } problem)
        {
            throw NotLoaded(problem, null);
        }

        try
        {
            // An objective is some hundred thousand numbers: more threads cost more than they bring, and libtorch's
            // bits depend on how many there are.
            torch.set_num_threads(1);
            return true;
        }
        catch (Exception e) when (e is TypeInitializationException or NotSupportedException or DllNotFoundException
            or EntryPointNotFoundException or BadImageFormatException)
        {
            throw NotLoaded((e.InnerException ?? e).Message, e);
        }
    }

    /// <summary>What the loader says of TorchSharp's native library beside it; null when it loads, or where there is
    /// none and TorchSharp may know another place.</summary>
    private static string? Problem()
    {
        string folder = Path.GetDirectoryName(typeof(torch).Assembly.Location) ?? "";
        string[] places = [folder, Path.Combine(folder, "runtimes", "linux-x64", "native")];
        if (places.Select(p => Path.Combine(p, Bindings)).FirstOrDefault(File.Exists) is not { } path)
        {
            return null;
        }

        try
        {
            _ = NativeLibrary.Load(path);
            return null;
        }
        catch (DllNotFoundException e)
        {
            string[] lines = e.Message.Split('\n');
            string line = Array.Find(lines, l => l.Contains("GLIBCXX", StringComparison.Ordinal)) ?? lines[^1];
            return line.Trim();
        }
    }

    private static ConfigException NotLoaded(string reason, Exception? inner) => new(
        $"libtorch did not load: {reason}. TorchSharp 0.107 needs libtorch 2.10 beside the objective's assembly "
            + "(package libtorch-cpu-linux-x64) and the C++ library of GCC 13 or newer (Debian 13, Ubuntu 24.04)",
                inner);
}
