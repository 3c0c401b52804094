using System.Globalization;
using System.IO;
using Tbrm.Core.Files;
using Tbrm.Engine.Checkpoint;

namespace Tbrm.Training.Metrics;

/// <summary>metrics.csv in long form, <c>step,name,value</c>: steps need not have the same names.</summary>
public sealed class CsvSink : IMetricSink
{
    private readonly StreamWriter _file;

    /// <summary>Appends to the file.</summary>
    public CsvSink(string path)
    {
        bool empty = !File.Exists(path) || new FileInfo(path).Length == 0;
        _file = new(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read)) { NewLine = "\n" };
        if (empty)
        {
            _file.WriteLine("step,name,value");
        }
    }

    /// <inheritdoc/>
    public void Write(long step, MetricSet metrics) => DiskErrors.Translated("writing metrics.csv", () =>
    {
        foreach (string name in metrics.Names)
        {
            _file.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{step},{name},{metrics[name]:R}"));
        }

        _file.Flush();
    });

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    /// <summary>Keeps the rows of steps up to <paramref name="step"/>.</summary>
    public static void TruncateAfter(string path, long step)
    {
        if (!File.Exists(path))
        {
            return;
        }

        System.Text.StringBuilder kept = new("step,name,value\n");
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
