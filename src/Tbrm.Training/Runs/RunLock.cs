using System;
using System.IO;
using Tbrm.Core.Files;
using Tbrm.Engine.Checkpoint;

namespace Tbrm.Training.Runs;

/// <summary>
/// Keeps a second process out of a run folder. The operating system lets go of it when its process ends, however it
/// ends; the file stays, as
/// deleting it would let two others in.
/// </summary>
internal sealed class RunLock : IDisposable
{
    private readonly FileStream _file;

    private RunLock(FileStream file) => _file = file;

    /// <summary>Takes the lock of a folder; null when another process has it.</summary>
    public static RunLock? TryTake(RunFolder folder)
    {
        FileStream? file = null;
        DiskErrors.Translated($"locking the run folder {folder.Root}", () =>
        {
            try
            {
                file = new(folder.LockPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException e) when (IsHeld(e, folder.LockPath))
            {
                file = null;
            }
        });
        return file is null ? null : new(file);
    }

    /// <summary>Whether somebody has the file, and it is not the disk that refuses (EROFS, EIO, ...).</summary>
    private static bool IsHeld(IOException e, string path)
    {
        const int againOnLinux = 11, againOnMac = 35; // EAGAIN of flock
        return OperatingSystem.IsWindows()
            ? e is not (FileNotFoundException or DirectoryNotFoundException) && !e.IsDiskFull() && File.Exists(path)
            : e.HResult == (OperatingSystem.IsMacOS() ? againOnMac : againOnLinux);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
