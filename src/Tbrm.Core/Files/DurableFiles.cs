using System;
using System.IO;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Tbrm.Core.Files;

/// <summary>Files and folders that are either whole or not there after a crash: written under another name, synced,
/// renamed.</summary>
public static class DurableFiles
{
    private const int AccessDenied = 13; // EACCES

    /// <summary>Replaces a text file in one step.</summary>
    public static void ReplaceText(string path, string text)
    {
        string temporary = path + ".tmp";
        try
        {
            File.WriteAllText(temporary, text);
            Sync(temporary);
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            RemoveQuietly(temporary);
            throw;
        }

        SyncFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <summary>Syncs every file below a folder, and the folders.</summary>
    public static void SyncTree(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            Sync(file);
        }

        foreach (string inner in Directory.EnumerateDirectories(folder, "*", SearchOption.AllDirectories))
        {
            SyncFolder(inner);
        }

        SyncFolder(folder);
    }

    /// <summary>Makes a rename inside the folder durable. Windows does it on its own.</summary>
    public static void SyncFolder(string folder)
    {
        if (!OperatingSystem.IsLinux() && !OperatingSystem.IsMacOS())
        {
            return;
        }

        int descriptor = SystemCalls.Open(folder, 0);
        if (descriptor < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error == AccessDenied)
            {
                // A folder that may be written to and not read cannot be opened for that.
                return;
            }

            throw new IOException(
                $"cannot open {folder} to sync it: {Marshal.GetPInvokeErrorMessage(error)} (errno {error})", error);
        }

        using SafeFileHandle handle = new(descriptor, ownsHandle: true);
        DiskSync.Sync(handle, folder);
    }

    /// <summary>What is left of a file that could not be written. The first failure is on its way to the
    /// user.</summary>
    private static void RemoveQuietly(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    private static void Sync(string path)
    {
        using SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        DiskSync.Sync(handle, path);
    }
}
