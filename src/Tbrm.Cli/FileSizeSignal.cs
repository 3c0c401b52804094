using System;
using System.Runtime.InteropServices;

namespace Tbrm.Cli;

/// <summary>A file that would pass the limit of its size (ulimit -f) is an error of the write, with a sentence and exit
/// code 4, and not the end of the process.</summary>
internal static class FileSizeSignal
{
    private const int FileSizeExceeded = 25; // SIGXFSZ on Linux and macOS

    /// <summary>Handles the signal until disposed. Handled, not ignored: programs that graders start have its usual
    /// meaning again.</summary>
    public static IDisposable AsError() => OperatingSystem.IsLinux() || OperatingSystem.IsMacOS()
        ? PosixSignalRegistration.Create((PosixSignal)FileSizeExceeded, context => context.Cancel = true)
        : new Nothing();

    private sealed class Nothing : IDisposable
    {
        public void Dispose()
        {
        }
    }
}
