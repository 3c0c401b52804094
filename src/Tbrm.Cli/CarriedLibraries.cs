using System;
using System.IO;
using System.Runtime.InteropServices;

namespace Tbrm.Cli;

/// <summary>
/// Libraries that the self-contained archive carries for systems without them: OpenMP's runtime and OpenSSL (SHA-256).
/// The system's own goes before, since it gets the system's security updates; whoever asks for the name later finds
/// what was loaded here.
/// </summary>
internal static class CarriedLibraries
{
    // A library comes after those that it needs.
    private static readonly string[] s_names = ["libgomp.so.1", "libcrypto.so.3", "libssl.so.3"];

    public static void Load()
    {
        foreach (string name in s_names)
        {
            string carried = Path.Combine(AppContext.BaseDirectory, name);
            if (File.Exists(carried) && !NativeLibrary.TryLoad(name, out _))
            {
                NativeLibrary.Load(carried);
            }
        }
    }
}
