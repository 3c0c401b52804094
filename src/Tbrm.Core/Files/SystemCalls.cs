using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Tbrm.Core.Files;

/// <summary>Calls of the C library. They are looked up in the whole program, not in one library, so that a preloaded
/// library stands before them as before all others (tests/faults).</summary>
internal static class SystemCalls
{
    private const string CLibrary = "libc";

    static SystemCalls() => NativeLibrary.SetDllImportResolver(typeof(SystemCalls).Assembly,
        (name, _, _) => name == CLibrary ? NativeLibrary.GetMainProgramHandle() : 0);

#pragma warning disable SYSLIB1054 // LibraryImport makes unsafe code, which is Tbrm.Interop's alone.
    /// <summary>Brings a file to the disk; -1 with the errno as the last error.</summary>
    [DllImport(CLibrary, EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int Sync(SafeFileHandle descriptor);

    /// <summary>Opens a file or folder; -1 with the errno as the last error.</summary>
    [DllImport(CLibrary, EntryPoint = "open", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);
#pragma warning restore SYSLIB1054
}
