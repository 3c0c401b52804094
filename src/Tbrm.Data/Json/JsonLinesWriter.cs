using System;
using System.Buffers;
using System.IO;
using System.IO.Compression;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Core.Files;

namespace Tbrm.Data.Json;

/// <summary>
/// Writes JSONL: one object per line, LF, UTF-8 without byte order mark, characters as themselves rather than as
/// escapes.
/// A file appears under its name only after <see cref="Complete"/>; a name that ends in <c>.gz</c> is packed.
/// </summary>
public sealed class JsonLinesWriter : IDisposable
{
    private static readonly JsonWriterOptions s_options =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly AtomicFile? _file;
    private readonly Stream _stream;
    // Flushing a Utf8JsonWriter flushes its stream as well, row by row; hence the buffer in between.
    private readonly ArrayBufferWriter<byte> _row = new();
    private readonly Utf8JsonWriter _json;

    /// <summary>Writes a file.</summary>
    /// <exception cref="DataException">The file cannot be written.</exception>
    public JsonLinesWriter(string path)
    {
        _file = new AtomicFile(path);
        _stream = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase)
            ? new GZipStream(_file.Stream, CompressionLevel.Optimal, leaveOpen: true)
            : _file.Stream;
        _json = new Utf8JsonWriter(_row, s_options);
    }

    /// <summary>Writes to an open stream (standard output), which stays open.</summary>
    public JsonLinesWriter(Stream stream)
    {
        _stream = stream;
        _json = new Utf8JsonWriter(_row, s_options);
    }

    /// <summary>Rows written so far.</summary>
    public long Rows { get; private set; }

    /// <summary>Appends a row.</summary>
    public void Write(JsonNode row)
    {
        row.WriteTo(_json);
        _json.Flush();
        _json.Reset();
        _row.Write("\n"u8);
        _stream.Write(_row.WrittenSpan);
        _row.ResetWrittenCount();
        Rows++;
    }

    /// <summary>Everything is written: the file gets its name.</summary>
    public void Complete()
    {
        if (_file is null)
        {
            _stream.Flush();
            return;
        }

        if (!ReferenceEquals(_stream, _file.Stream))
        {
            _stream.Dispose();
        }

        _file.Commit();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _json.Dispose();
        if (_file is not null)
        {
            _stream.Dispose();
            _file.Dispose();
        }
    }
}
