using System.Globalization;
using System.IO;
using System.Text;
using Tbrm.Core.Files;
using Tbrm.Engine.Checkpoint;

namespace Tbrm.Training.Metrics;

/// <summary>metrics.csv in long form, <c>step,name,value</c>: steps need not have the same names.</summary>
public sealed class CsvSink : IMetricSink
{
    private const string Head = "step,name,value\n";

    private readonly FileStream _file;

    /// <summary>Appends to the file.</summary>
    public CsvSink(string path)
    {
        bool empty = !File.Exists(path) || new FileInfo(path).Length == 0;
        // Without a buffer: what a full disk refused must not be tried again, and fail again, when the file is closed.
        _file = new(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
        if (empty)
        {
            Append(Head);
        }
    }

    /// <inheritdoc/>
    public void Write(long step, MetricSet metrics)
    {
        StringBuilder lines = new();
        foreach (string name in metrics.Names)
        {
            lines.Append(CultureInfo.InvariantCulture, $"{step},{name},{metrics[name]:R}\n");
        }

        Append(lines.ToString());
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void Append(string text) => DiskErrors.Translated($"writing {_file.Name}",
        () => _file.Write(Encoding.UTF8.GetBytes(text)));

    /// <summary>Keeps the rows of steps up to <paramref name="step"/>.</summary>
    public static void TruncateAfter(string path, long step)
    {
        if (!File.Exists(path))
        {
            return;
        }

        StringBuilder kept = new(Head);
        foreach (string line in File.ReadLines(path))
        {
            string[] cells = line.Split(',');
            if (cells.Length == 3
                && long.TryParse(cells[0], NumberStyles.None, CultureInfo.InvariantCulture, out long at) && at <= step)
            {
                kept.Append(line).Append('\n');
            }
        }

        DurableFiles.ReplaceText(path, kept.ToString());
    }
}
