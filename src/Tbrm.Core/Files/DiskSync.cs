using System;
using System.IO;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Tbrm.Core.Files;

/// <summary>
/// Brings what was written to the disk, and says when that failed. The runtime's own flushes (RandomAccess.FlushToDisk,
/// Flush with flushToDisk) keep quiet
/// about EIO, ENOSPC and EDQUOT on Linux and macOS, and an older copy must not be deleted on their word.
/// </summary>
public static class DiskSync
{
    private const int Interrupted = 4, InvalidArgument = 22, ReadOnlyFileSystem = 30; // EINTR, EINVAL, EROFS
    private static readonly bool s_isUnix = OperatingSystem.IsLinux() || OperatingSystem.IsMacOS();

    /// <summary>Writes a stream's buffer and syncs its file.</summary>
    /// <exception cref="IOException">The disk refused; its HResult is the errno.</exception>
    public static void Sync(FileStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        stream.Flush();
        Sync(stream.SafeFileHandle, stream.Name);
    }

    /// <summary>Syncs an open file or folder; <paramref name="path"/> is for the message. Pipes and devices, which
    /// cannot be synced, are left alone.</summary>
    /// <exception cref="IOException">The disk refused; its HResult is the errno.</exception>
    public static void Sync(SafeFileHandle handle, string path)
    {
        ArgumentNullException.ThrowIfNull(handle);
        int error = 0;
        while (s_isUnix && SystemCalls.Sync(handle) != 0 && (error = Marshal.GetLastPInvokeError()) == Interrupted)
        {
        }

        if (error is not (0 or Interrupted or InvalidArgument or ReadOnlyFileSystem))
        {
            throw new IOException(
                $"cannot sync {path}: {Marshal.GetPInvokeErrorMessage(error)} (errno {error}); what was written there "
                    + $"may be lost", error);
        }

        if (!OperatingSystem.IsLinux() && error == 0)
        {
            // Here the runtime does more than fsync (macOS), or raises what it meets (Windows).
            RandomAccess.FlushToDisk(handle);
        }
    }
}
