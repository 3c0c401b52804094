using System;
using System.IO;

namespace Tbrm.Cli;

/// <summary>An input file; standard input (-) and pipes as a temporary one, since readers look at a file's beginning before they read it.</summary>
internal sealed class SpooledInput : IDisposable
{
    /// <summary>What stands for standard input and output.</summary>
    public const string StandardStream = "-";

    private readonly bool _isTemporary;

    public SpooledInput(string path)
    {
        Path = path;
        using Stream? stream = path == StandardStream ? Console.OpenStandardInput() : OpenPipe(path);
        _isTemporary = stream is not null;
        if (stream is not null)
        {
            Path = System.IO.Path.GetTempFileName();
            using FileStream copy = new(Path, FileMode.Truncate, FileAccess.Write);
            stream.CopyTo(copy);
        }
    }

    /// <summary>A file that can be read more than once.</summary>
    public string Path { get; }

    public void Dispose()
    {
        if (_isTemporary)
        {
            File.Delete(Path);
        }
    }

    /// <summary>The stream of a pipe, as <c>&lt;(command)</c> names one; null for a file, and for what the reader is to complain of.</summary>
    private static FileStream? OpenPipe(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            FileStream stream = new(path, FileMode.Open, FileAccess.Read);
            if (!stream.CanSeek)
            {
                return stream;
            }

            stream.Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }

        return null;
    }
}
