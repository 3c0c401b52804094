using System;
using System.IO;
using System.Runtime.ExceptionServices;

namespace Tbrm.Data.Parquet.Writing;

/// <summary>
/// What the native library writes to. It makes text of an exception on its way through C++, and a full disk must stay
/// what it is; so the first one is kept here, and thrown again on this side.
/// </summary>
internal sealed class GuardedStream(Stream target) : Stream
{
    private ExceptionDispatchInfo? _failure;

    /// <inheritdoc/>
    public override bool CanRead => false;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position { get; set; }

    /// <summary>Runs a step of the native writer; what a write in it threw comes out as it was.</summary>
    public void Run(Action step)
    {
        try
        {
            step();
        }
        catch (ParquetSharp.ParquetException)
        {
            _failure?.Throw();
            throw;
        }
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count)
    {
        try
        {
            target.Write(buffer, offset, count);
            Position += count;
        }
        catch (Exception e)
        {
            _failure ??= ExceptionDispatchInfo.Capture(e);
            throw;
        }
    }

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer) => Write(buffer.ToArray(), 0, buffer.Length);

    /// <inheritdoc/>
    public override void Flush()
    {
        // The file is flushed to the disk when it is complete.
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();
}
