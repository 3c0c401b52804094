using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;

namespace Tbrm.Training.Profiles;

/// <summary>What the system says of this process: the outside view beside the engine's own counter.</summary>
internal static class ProcessMemory
{
    private const string Status = "/proc/self/status", ClearRefs = "/proc/self/clear_refs";

    /// <summary>Resident bytes now.</summary>
    public static long Resident => Read("VmRSS:") ?? Environment.WorkingSet;

    /// <summary>Resident bytes at most since <see cref="ResetPeak"/>, or since the process began where there is no
    /// reset.</summary>
    public static long Peak
    {
        get
        {
            if (Read("VmHWM:") is { } peak)
            {
                return peak;
            }

            using Process self = Process.GetCurrentProcess();
            return self.PeakWorkingSet64;
        }
    }

    /// <summary>Lets the peak begin again; false where the system does not allow it.</summary>
    public static bool ResetPeak()
    {
        try
        {
            File.WriteAllText(ClearRefs, "5");
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static long? Read(string name)
    {
        if (!File.Exists(Status))
        {
            return null;
        }

        foreach (string line in File.ReadLines(Status))
        {
            if (line.StartsWith(name, StringComparison.Ordinal))
            {
                return long.Parse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(),
                    CultureInfo.InvariantCulture) * 1024;
            }
        }

        return null;
    }
}
