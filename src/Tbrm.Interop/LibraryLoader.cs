using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Tbrm.Interop;

/// <summary>
/// Finds libtbrm, prepares the environment that its dependencies read while they load, and refuses a library that was
/// built from another header than this assembly.
/// </summary>
public static unsafe partial class LibraryLoader
{
    // About 20 microseconds: longer than the gap between two regions of one layer, shorter than a scheduler's slice.
    private const string SpinCount = "10000";

    private static string? s_path;

    /// <summary>The file that was loaded; null before the first native call.</summary>
    public static string? LoadedPath => s_path;

    /// <summary>tbrm_build_info: one JSON object about the loaded library.</summary>
    public static string BuildInfo => Utf8(NativeMethods.tbrm_build_info());

    /// <summary>tbrm_debug_live_objects: native handles that exist.</summary>
    public static long LiveObjects => NativeMethods.tbrm_debug_live_objects();

    [ModuleInitializer]
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Usage", "CA2255",
        Justification = "the resolver must stand before the first P/Invoke")]
    internal static void Register() => NativeLibrary.SetDllImportResolver(typeof(LibraryLoader).Assembly, Resolve);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (name != NativeMethods.Library)
        {
            return 0;
        }

        PrepareEnvironment();
        List<string> failures = [];
        foreach (string candidate in Candidates())
        {
            if (!File.Exists(candidate))
            {
                failures.Add($"{candidate}: not there");
                continue;
            }

            try
            {
                nint handle = NativeLibrary.Load(candidate);
                CheckHeader(handle, candidate);
                s_path = candidate;
                return handle;
            }
            catch (DllNotFoundException e)
            {
                failures.Add($"{candidate}: {e.Message}");
            }
        }

        throw new DllNotFoundException(
            "The native library was not found or did not load. Run ./build.sh, or set TBRM_NATIVE_DIR to the folder "
                + "that holds it. Tried:\n  "
            + string.Join("\n  ", failures));
    }

    private static IEnumerable<string> Candidates()
    {
        string file = OperatingSystem.IsWindows() ? "tbrm.dll"
            : OperatingSystem.IsMacOS() ? "libtbrm.dylib" : "libtbrm.so";
        if (Environment.GetEnvironmentVariable("TBRM_NATIVE_DIR") is { Length: > 0 } folder)
        {
            yield return Path.Combine(folder, file);
            yield break;
        }

        yield return Path.Combine(AppContext.BaseDirectory, file);
        // Where the package Tbrm.Interop has it, in a program that references it.
        yield return Path.Combine(AppContext.BaseDirectory, "runtimes", PortableRuntime, "native", file);
        // A build in the repository: artifacts/native/<preset>, above the folder of the assembly.
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            string native = Path.Combine(at.FullName, "artifacts", "native");
            if (Directory.Exists(native))
            {
                yield return Path.Combine(native, "cuda", file);
                yield return Path.Combine(native, "cpu", file);
                yield break;
            }
        }
    }

    private static string PortableRuntime =>
        (OperatingSystem.IsWindows() ? "win-" : OperatingSystem.IsMacOS() ? "osx-" : "linux-")
        + RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();

    /// <summary>A stale library reads wrong offsets and crashes far from the cause; here it is one sentence.</summary>
    private static void CheckHeader(nint handle, string path)
    {
        delegate* unmanaged[Cdecl]<byte*> hash =
            (delegate* unmanaged[Cdecl]<byte*>)NativeLibrary.GetExport(handle, "tbrm_abi_header_sha256");
        string native = Utf8(hash());
        string managed = typeof(LibraryLoader).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(a => a.Key == "TbrmHeaderSha256").Value!;
        if (!string.Equals(native, managed, StringComparison.OrdinalIgnoreCase))
        {
            throw new BadImageFormatException(
                $"{path} was built from another tbrm.h than this program ({native[..12]} and "
                    + $"{managed[..12].ToLowerInvariant()}). Run ./build.sh to build both.");
        }
    }

    /// <summary>
    /// What native libraries read while they load, from the C environment, which .NET's own SetEnvironmentVariable does
    /// not reach. libgomp's threads spin for milliseconds after each parallel region unless told otherwise, which
    /// starves whatever else runs on the machine, this process's C# included.
    /// A variable that the user has set stays.
    /// </summary>
    private static void PrepareEnvironment()
    {
        if (OperatingSystem.IsLinux() && Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is null)
        {
            _ = setenv("GOMP_SPINCOUNT", SpinCount, 0);
        }
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int setenv(string name, string value, int overwrite);

    internal static string Utf8(byte* text) =>
        Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text));
}
