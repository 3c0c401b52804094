using System;
using System.IO;
using Tbrm.Core.Errors;

namespace Tbrm.Core.Files;

/// <summary>
/// A file that appears under its name only when it is complete: written beside it, flushed to the disk, renamed.
/// Disposing without <see cref="Commit"/> leaves nothing behind and an older file of that name untouched. A link keeps
/// its name, and what it
/// leads to is replaced; devices and pipes (/dev/null, /dev/stdout, &gt;(command)) are written to as they are.
/// </summary>
public sealed class AtomicFile : IDisposable
{
    private readonly string _path;
    private readonly string? _temporary;
    private readonly FileStream _stream;
    private bool _done;

    /// <summary>Opens the temporary file; its folder must exist.</summary>
    /// <exception cref="DataException">The folder is missing or cannot be written to, or the path is a
    /// folder.</exception>
    public AtomicFile(string path)
    {
        _path = path;
        if (Directory.Exists(path))
        {
            throw new DataException($"{path}: cannot be written: it is a folder; name a file");
        }

        try
        {
            _path = Target(path);
            FileStream? direct = OpenDirect(_path);
            _temporary = direct is null ? $"{_path}.{Environment.ProcessId}.tmp" : null;
            _stream = direct ?? Create(_temporary!);
        }
        catch (DirectoryNotFoundException e)
        {
            throw new DataException($"{path}: cannot be written: its folder does not exist", e);
        }
        catch (Exception e) when (e is (IOException or UnauthorizedAccessException) && !e.IsDiskFull())
        {
            throw new DataException($"{path}: cannot be written: {e.Message}", e);
        }
    }

    /// <summary>Where to write. Owned by this object.</summary>
    public Stream Stream => _stream;

    /// <summary>Makes the file appear under its name; nothing can be written afterwards.</summary>
    public void Commit()
    {
        try
        {
            if (_temporary is null)
            {
                _stream.Flush();
                _stream.Dispose();
            }
            else
            {
                DiskSync.Sync(_stream);
                _stream.Dispose();
                File.Move(_temporary, _path, overwrite: true);
                DurableFiles.SyncFolder(Path.GetDirectoryName(_path)!);
            }

            _done = true;
        }
        catch (Exception e) when (e is (IOException or UnauthorizedAccessException) && !e.IsDiskFull())
        {
            throw new DataException($"{_path}: cannot be written: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            _stream.Dispose();
        }
        catch (Exception e) when (!_done && (e is IOException || e.IsDiskFull()))
        {
            // What is left in the buffer does not fit either; the first failure is on its way to the user.
        }

        if (!_done && _temporary is not null)
        {
            File.Delete(_temporary);
        }
    }

    /// <summary>A full disk may have room for the name and none for the file.</summary>
    private static FileStream Create(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1 << 16);
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(path);
            throw;
        }
    }

    /// <summary>Where a link leads to, a link to nothing included; the path itself when it is none.</summary>
    private static string Target(string path)
    {
        string full = Path.GetFullPath(path);
        FileInfo file = new(full);
        return file.LinkTarget is null || IsDevice(full) ? full
            : file.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? full;
    }

    /// <summary>What is there and is no regular file: renaming over it would put a file in the place of a
    /// device.</summary>
    private static FileStream? OpenDirect(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        if (IsDevice(path))
        {
            return new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        }

        FileStream stream = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        if (!stream.CanSeek)
        {
            return stream;
        }

        stream.Dispose();
        return null;
    }

    private static bool IsDevice(string path) => !OperatingSystem.IsWindows()
        && (Path.GetFullPath(path).StartsWith("/dev/", StringComparison.Ordinal)
            || Path.GetFullPath(path).StartsWith("/proc/", StringComparison.Ordinal))
        && !Path.GetFullPath(path).StartsWith("/dev/shm/", StringComparison.Ordinal);
}
