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
            throw new ConfigException($"libtorch did not load: {Reason(e)} TorchSharp 0.107 needs libtorch 2.10 beside "
                + "the objective's assembly (package libtorch-cpu-linux-x64) and the C++ library of GCC 13 or newer "
                + "(Debian 13, Ubuntu 24.04)", e);
        }
    }

    /// <summary>TorchSharp says that there is no reference to libtorch, whatever the reason; the loader knows
    /// it.</summary>
    private static string Reason(Exception failure)
    {
        string folder = Path.GetDirectoryName(typeof(torch).Assembly.Location) ?? "";
        string[] places = [folder, Path.Combine(folder, "runtimes", "linux-x64", "native")];
        if (places.Select(p => Path.Combine(p, Bindings)).FirstOrDefault(File.Exists) is not { } path)
        {
            return $"{Bindings} is not in {folder}.";
        }

        try
        {
            NativeLibrary.Free(NativeLibrary.Load(path));
            return (failure.InnerException ?? failure).Message;
        }
        catch (DllNotFoundException e)
        {
            string line = e.Message.Split('\n').FirstOrDefault(l => l.Contains("GLIBCXX", StringComparison.Ordinal))
                ?? e.Message.Split('\n')[0];
            return line.Trim() + ".";
        }
    }
}
