using System;
using System.IO;

namespace Tbrm.Core.Files;

/// <summary>Tells a full disk, quota or file-size limit from other failures of writing.</summary>
public static class DiskFull
{
    // ENOSPC, EDQUOT, EFBIG
    private const int NoSpaceLeft = 28, QuotaExceeded = 122, QuotaExceededOnMac = 69, FileTooLarge = 27;
    private const int PlainIOFailure = unchecked((int)0x80131620); // COR_E_IO
    private const int WindowsDiskFull = unchecked((int)0x80070070), WindowsHandleDiskFull = unchecked((int)0x80070027);

    /// <summary>Whether an errno means that there is no room for what is written.</summary>
    public static bool IsErrno(int errno) =>
        errno is NoSpaceLeft or FileTooLarge
            || errno == (OperatingSystem.IsMacOS() ? QuotaExceededOnMac : QuotaExceeded);

    /// <summary>Whether the failure means that the disk or the quota is full, or that the file would pass the limit of
    /// its size (ulimit -f).</summary>
    public static bool IsDiskFull(this Exception e) => e switch
    {
        IOException io => IsErrno(io.HResult) || io.HResult is WindowsDiskFull or WindowsHandleDiskFull
            || IsRefusedAllocation(io),
        // What the runtime makes of EFBIG.
        ArgumentOutOfRangeException { ParamName: "value" } range =>
            range.StackTrace?.Contains(" System.IO.", StringComparison.Ordinal) == true,
        _ => false,
    };

    /// <summary>
    /// File.WriteAllText and its like ask for the whole size first; the runtime's exception then has no errno, only
    /// words ("... with allocation size '25411' because ...").
    /// </summary>
    private static bool IsRefusedAllocation(IOException e) =>
        e.HResult == PlainIOFailure && e.Message.Contains("allocation size", StringComparison.Ordinal);
}
