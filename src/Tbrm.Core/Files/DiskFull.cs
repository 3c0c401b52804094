using System.IO;

namespace Tbrm.Core;

/// <summary>Tells a full disk from other failures of writing.</summary>
public static class DiskFull
{
    private const int NoSpaceLeft = 28, QuotaExceeded = 122; // ENOSPC, EDQUOT
    private const int WindowsDiskFull = unchecked((int)0x80070070), WindowsHandleDiskFull = unchecked((int)0x80070027);

    /// <summary>Whether the failure means that the disk or the quota is full.</summary>
    public static bool IsDiskFull(this IOException e) =>
        e.HResult is NoSpaceLeft or QuotaExceeded or WindowsDiskFull or WindowsHandleDiskFull;
}
