using System;
using System.Globalization;
using System.IO;
using System.Linq;
using Tbrm.Core.Errors;

namespace Tbrm.Cli;

/// <summary>
/// .NET keeps its assemblies open and ends without a word of use once no file can be opened; so a limit that is too low
/// is said before that.
/// </summary>
internal static class OpenFileLimit
{
    /// <summary>A run has about a hundred files open, its assemblies among them.</summary>
    private const int Needed = 128;

    /// <summary>Compares the hard limit, up to which .NET raises the soft one by itself.</summary>
    /// <exception cref="TbrmUserException">The limit is too low.</exception>
    public static void Check()
    {
        const string limits = "/proc/self/limits", name = "Max open files";
        string? line = File.Exists(limits)
            ? File.ReadLines(limits).FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal)) : null;
        string[] columns = line?[name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        if (columns.Length > 1
            && int.TryParse(columns[1], NumberStyles.None, CultureInfo.InvariantCulture, out int hard) && hard < Needed)
        {
            throw new TbrmUserException(ExitCode.OutOfMemory,
                $"this process may open {hard} files at most; {Needed} are needed (ulimit -n {Needed})");
        }
    }
}
