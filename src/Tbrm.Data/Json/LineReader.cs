using System;
using System.IO;
using Tbrm.Core.Errors;

namespace Tbrm.Data.Json;

/// <summary>
/// Splits a byte stream into lines (LF or CRLF, a last line without an end counts, a UTF-8 byte order mark is skipped).
/// The buffer grows to the longest line and no further than the bound.
/// </summary>
internal sealed class LineReader(Stream stream, string name, int maxLineBytes)
{
    private const int InitialBytes = 1 << 16;

    private byte[] _buffer = new byte[Math.Min(InitialBytes, maxLineBytes)];
    private int _start;
    private int _end;
    private bool _ended;

    /// <summary>The number of the line last returned, from 1; 0 before the first.</summary>
    public long LineNumber { get; private set; }

    /// <summary>The next line without its end; valid until the next call. False at the end of the stream.</summary>
    /// <exception cref="DataException">The line is longer than the bound.</exception>
    public bool TryRead(out ReadOnlySpan<byte> line)
    {
        int searched = _start;
        while (true)
        {
            int found = _buffer.AsSpan(searched, _end - searched).IndexOf((byte)'\n');
            if (found >= 0 || (_ended && _end > _start))
            {
                int stop = found >= 0 ? searched + found : _end;
                line = Trim(_buffer.AsSpan(_start, stop - _start));
                _start = found >= 0 ? stop + 1 : _end;
                return true;
            }

            if (_ended)
            {
                line = default;
                return false;
            }

            searched = Fill();
        }
    }

    private ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> line)
    {
        LineNumber++;
        if (LineNumber == 1 && line.StartsWith("\uFEFF"u8))
        {
            line = line[3..];
        }

        return line.EndsWith("\r"u8) ? line[..^1] : line;
    }

    /// <summary>Reads more behind the unfinished line; returns where the new bytes begin.</summary>
    private int Fill()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        if (_end == _buffer.Length)
        {
            if (_buffer.Length >= maxLineBytes)
            {
                throw new DataException(
                    $"{name}:{LineNumber + 1}: the line is longer than {maxLineBytes} bytes; is this a JSONL file "
                        + $"with one object per line?");
            }

            Array.Resize(ref _buffer, (int)Math.Min((long)_buffer.Length * 2, maxLineBytes));
        }

        int begin = _end;
        int read = stream.Read(_buffer, _end, _buffer.Length - _end);
        _end += read;
        _ended = read == 0;
        return begin;
    }
}
