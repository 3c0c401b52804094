using System;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Text;

namespace Tbrm.Verify.Graders;

/// <summary>
/// Processes that a grading program started and that left its group or its session (<c>setsid</c>, a daemon's double
/// fork), so that ending the
/// program's tree does not reach them. On Linux they are known by a variable of the environment that they inherited.
/// </summary>
internal static class DescendantProcesses
{
    /// <summary>The variable that marks them.</summary>
    public const string Variable = "TBRM_GRADER_WORKER";

    /// <summary>Ends every process that carries the mark.</summary>
    public static void Kill(string mark)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        byte[] entry = Encoding.ASCII.GetBytes($"{Variable}={mark}");
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder.AsSpan()), NumberStyles.None, CultureInfo.InvariantCulture,
                out int id) && Carries(folder, entry))
            {
                Kill(id);
            }
        }
    }

    private static bool Carries(string folder, byte[] entry)
    {
        try
        {
            return File.ReadAllBytes(Path.Combine(folder, "environ")).AsSpan().IndexOf(entry) >= 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // it ended, or belongs to somebody else
        }
    }

    private static void Kill(int id)
    {
        try
        {
            using Process process = Process.GetProcessById(id);
            process.Kill();
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or Win32Exception)
        {
            // It ended in between.
        }
    }
}
