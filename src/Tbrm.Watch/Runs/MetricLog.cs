using System.Collections.Generic;
using System.IO;
using Tbrm.Training.Metrics;

namespace Tbrm.Watch.Runs;

/// <summary>
/// The rows of a metrics.jsonl that somebody else is writing: read on with every call, whole lines only, and read anew
/// when a resumed run has cut the file back. Not safe for several threads; its run locks.
/// </summary>
internal sealed class MetricLog(string path)
{
    private RunHistory _history = new(path);
    private readonly List<KeyValuePair<long, MetricSet>> _rows = [];
    private long _length;

    /// <summary>Steps with their numbers, in the order of the file.</summary>
    public IReadOnlyList<KeyValuePair<long, MetricSet>> Rows => _rows;

    /// <summary>Counts how often the file was read anew: rows that were read before are void.</summary>
    public int Generation { get; private set; }

    /// <summary>Takes in what was appended.</summary>
    public void ReadOn()
    {
        FileInfo file = new(path);
        long length = file.Exists ? file.Length : 0;
        if (length < _length)
        {
            _history = new(path);
            _rows.Clear();
            Generation++;
        }

        _length = length;
        _history.ReadOn((step, metrics) => _rows.Add(new(step, metrics)));
    }
}
