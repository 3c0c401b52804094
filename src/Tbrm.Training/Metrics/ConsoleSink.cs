using System.IO;

namespace Tbrm.Training.Metrics;

/// <summary>verl's line per step on stdout.</summary>
public sealed class ConsoleSink(TextWriter output) : IMetricSink
{
    /// <inheritdoc/>
    public void Write(long step, MetricSet metrics)
    {
        output.WriteLine(metrics.ToConsoleLine(step));
        output.Flush();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
