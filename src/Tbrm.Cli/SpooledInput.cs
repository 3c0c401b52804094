using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Tbrm.Core.Errors;

namespace Tbrm.Cli;

/// <summary>An input file; standard input (-) and pipes as a temporary one, since readers look at a file's beginning
/// before they read it.</summary>
internal sealed class SpooledInput : IDisposable
{
    /// <summary>What stands for standard input and output.</summary>
    public const string StandardStream = "-";

    private readonly bool _isTemporary;
    private readonly string _name;

    /// <param name="path">The file; - is standard input.</param>
    /// <param name="mostRows">Of a pipe that holds JSONL, no more rows are waited for than these; null for all.</param>
    public SpooledInput(string path, long? mostRows = null)
    {
        Path = path;
        using Stream? stream = path == StandardStream ? Console.OpenStandardInput() : OpenPipe(path);
        _isTemporary = stream is not null;
        _name = path == StandardStream ? "standard input" : path;
        if (stream is not null)
        {
            Path = System.IO.Path.GetTempFileName();
            using FileStream copy = new(Path, FileMode.Truncate, FileAccess.Write);
            Copy(stream, copy, mostRows ?? long.MaxValue);
        }
    }

    /// <summary>A file that can be read more than once.</summary>
    public string Path { get; }

    /// <summary>Reads inputs; what is wrong with one that was spooled is said of what the user named.</summary>
    public static T Read<T>(IReadOnlyList<SpooledInput> inputs, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (DataException e) when (inputs.Any(
            input => input._isTemporary && e.Message.Contains(input.Path, StringComparison.Ordinal)))
        {
            throw new DataException(inputs.Aggregate(e.Message, (text, input) => input.Name(text)), e);
        }
    }

    /// <summary>A text with the file's path as the user named it.</summary>
    public string Name(string text) => _isTemporary ? text.Replace(Path, _name, StringComparison.Ordinal) : text;

    public void Dispose()
    {
        if (_isTemporary)
        {
            File.Delete(Path);
        }
    }

    /// <summary>Copies lines until there are enough that hold something; what does not begin with an object is copied
    /// whole.</summary>
    private static void Copy(Stream stream, FileStream copy, long mostRows)
    {
        byte[] buffer = new byte[1 << 16];
        long rows = 0;
        bool isFirst = true, isBlank = true;
        while (rows < mostRows && stream.Read(buffer) is int read and > 0)
        {
            ReadOnlySpan<byte> rest = buffer.AsSpan(0, read);
            if (isFirst && !rest.TrimStart("\uFEFF \t\r\n"u8).StartsWith("{"u8))
            {
                mostRows = long.MaxValue;
            }

            isFirst = false;
            copy.Write(rest);
            for (int line = rest.IndexOf((byte)'\n'); line >= 0; line = rest.IndexOf((byte)'\n'))
            {
                isBlank &= !rest[..line].ContainsAnyExcept(" \t\r"u8);
                rows += isBlank ? 0 : 1;
                isBlank = true;
                rest = rest[(line + 1)..];
            }

            isBlank &= !rest.ContainsAnyExcept(" \t\r"u8);
        }
    }

    /// <summary>The stream of a pipe, as <c>&lt;(command)</c> names one; null for a file, and for what the reader is to
    /// complain of.</summary>
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
