using System;
using System.IO;
using System.IO.MemoryMappedFiles;
using System.Threading;

namespace Tbrm.Fuzz.Campaign;

/// <summary>
/// What a worker process has done so far, in memory that it shares with its parent: it is there to be read when the
/// worker
/// has crashed or hangs.
/// </summary>
internal sealed class Heartbeat : IDisposable
{
    private const int Current = 0;
    private const int Accepted = 1;
    private const int Refused = 2;
    private const int Bytes = 3;
    private const int SlowestMilliseconds = 4;
    private const int MostAllocated = 5;
    private const int Fields = 6;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    /// <summary>Opens the file, and makes it if it is not there.</summary>
    public Heartbeat(string path)
    {
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.OpenOrCreate, null, Fields * sizeof(long));
        _view = _file.CreateViewAccessor();
    }

    /// <summary>The number of the input that is being read.</summary>
    public long Index => _view.ReadInt64(Current * sizeof(long));

    /// <summary>The totals.</summary>
    public FuzzCounts Counts => new(
        _view.ReadInt64(Accepted * sizeof(long)), _view.ReadInt64(Refused * sizeof(long)),
            _view.ReadInt64(Bytes * sizeof(long)),
        _view.ReadInt64(SlowestMilliseconds * sizeof(long)), _view.ReadInt64(MostAllocated * sizeof(long)));

    /// <summary>An input is about to be read.</summary>
    public void Begin(long index)
    {
        _view.Write(Current * sizeof(long), index);
        Thread.MemoryBarrier();
    }

    /// <summary>It was read.</summary>
    public void End(bool accepted, int bytes, long milliseconds, long allocated)
    {
        int outcome = accepted ? Accepted : Refused;
        _view.Write(outcome * sizeof(long), _view.ReadInt64(outcome * sizeof(long)) + 1);
        _view.Write(Bytes * sizeof(long), _view.ReadInt64(Bytes * sizeof(long)) + bytes);
        Raise(SlowestMilliseconds, milliseconds);
        Raise(MostAllocated, allocated);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }

    private void Raise(int field, long value)
    {
        _view.Write(field * sizeof(long), Math.Max(value, _view.ReadInt64(field * sizeof(long))));
    }
}

/// <summary>Totals over the inputs of a campaign.</summary>
/// <param name="Accepted">Inputs that were read.</param>
/// <param name="Refused">Inputs that were refused as documented.</param>
/// <param name="Bytes">Bytes of all of them.</param>
/// <param name="SlowestMilliseconds">The longest that one took.</param>
/// <param name="MostAllocated">The most bytes that one allocated, garbage included.</param>
internal readonly record struct FuzzCounts(long Accepted, long Refused, long Bytes, long SlowestMilliseconds,
    long MostAllocated);
