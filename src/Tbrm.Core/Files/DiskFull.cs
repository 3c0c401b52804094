using System;
using System.IO;

namespace Tbrm.Core.Files;

/// <summary>Tells a full disk, quota or file-size limit from other failures of writing.</summary>
public static class DiskFull
{
    private const int NoSpaceLeft = 28, QuotaExceeded = 122, QuotaExceededOnMac = 69, FileTooLarge = 27; // ENOSPC, EDQUOT, EFBIG
    private const int WindowsDiskFull = unchecked((int)0x80070070), WindowsHandleDiskFull = unchecked((int)0x80070027);

    /// <summary>Whether an errno means that there is no room for what is written.</summary>
    public static bool IsErrno(int errno) => errno is NoSpaceLeft or FileTooLarge || errno == (OperatingSystem.IsMacOS() ? QuotaExceededOnMac : QuotaExceeded);

    /// <summary>Whether the failure means that the disk or the quota is full, or that the file would pass the limit of its size (ulimit -f).</summary>
    public static bool IsDiskFull(this Exception e) => e switch
    {
        IOException io => IsErrno(io.HResult) || io.HResult is WindowsDiskFull or WindowsHandleDiskFull,
        // What the runtime makes of EFBIG.
        ArgumentOutOfRangeException { ParamName: "value" } range => range.StackTrace?.Contains(" System.IO.", StringComparison.Ordinal) == true,
        _ => false,
    };
}
