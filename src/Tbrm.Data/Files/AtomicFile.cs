using System;
using System.IO;
using Tbrm.Core;

namespace Tbrm.Data;

/// <summary>
/// A file that appears under its name only when it is complete: written beside it, flushed to the disk, renamed.
/// Disposing without <see cref="Commit"/> leaves nothing behind and an older file of that name untouched.
/// </summary>
public sealed class AtomicFile : IDisposable
{
    private readonly string _path;
    private readonly string _temporary;
    private readonly FileStream _stream;
    private bool _done;

    /// <summary>Opens the temporary file; its folder must exist.</summary>
    /// <exception cref="DataException">The folder is missing or cannot be written to.</exception>
    public AtomicFile(string path)
    {
        _path = Path.GetFullPath(path);
        _temporary = $"{_path}.{Environment.ProcessId}.tmp";
        try
        {
            _stream = new FileStream(_temporary, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1 << 16);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
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
            _stream.Flush(flushToDisk: true);
            _stream.Dispose();
            File.Move(_temporary, _path, overwrite: true);
            _done = true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"{_path}: cannot be written: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stream.Dispose();
        if (!_done)
        {
            File.Delete(_temporary);
        }
    }
}
