using System;
using System.IO;
using Tbrm.Engine.Checkpoint;

namespace Tbrm.Training.Trajectories;

/// <summary>A place in the replay buffer's log.</summary>
/// <param name="Offset">In bytes.</param>
/// <param name="Length">In bytes.</param>
internal readonly record struct LogPlace(long Offset, int Length);

/// <summary>
/// The file behind a replay buffer on disk. It belongs to one process: a checkpoint holds what a resumed run needs, so
/// what is in the file when a
/// process ends is of no use.
/// </summary>
internal sealed class ReplayLog : IDisposable
{
    private readonly FileStream _file;

    /// <summary>Makes the file anew.</summary>
    public ReplayLog(string path)
    {
        Path = path;
        // Without a buffer: what a full disk refused must not be tried again when the file is closed.
        _file = new(path, FileMode.Create, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0,
            FileOptions.DeleteOnClose);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Bytes of the file.</summary>
    public long Length => _file.Length;

    /// <summary>Adds bytes.</summary>
    public LogPlace Append(byte[] bytes)
    {
        LogPlace place = new(_file.Length, bytes.Length);
        DiskErrors.Translated($"writing {Path}", () =>
        {
            _file.Position = place.Offset;
            _file.Write(bytes);
        });
        return place;
    }

    /// <summary>Bytes that were added.</summary>
    public byte[] Read(LogPlace place)
    {
        byte[] bytes = new byte[place.Length];
        _file.Position = place.Offset;
        _file.ReadExactly(bytes);
        return bytes;
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
