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
            catch (IOException e) when (e is not (FileNotFoundException or DirectoryNotFoundException)
                && !e.IsDiskFull() && File.Exists(folder.LockPath))
            {
                file = null;
            }
        });
        return file is null ? null : new(file);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
