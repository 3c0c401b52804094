using System;
using System.Collections.Generic;
using System.IO;
using Tbrm.Core.Errors;
using Tbrm.Training.Metrics;
using Tbrm.Training.Metrics.TensorBoard;

namespace Tbrm.Training.Runs;

/// <summary>All sinks that the configuration asks for.</summary>
public sealed class MetricSinks(IReadOnlyList<IMetricSink> sinks) : IDisposable
{
    /// <summary>Opens the sinks of a run.</summary>
    /// <param name="names">trainer.logger.</param>
    /// <param name="folder">The run's.</param>
    /// <param name="console">Where the sink console writes; null: it was named, but people watch another
    /// display.</param>
    /// <param name="resumedStep">The last step of the checkpoint that it goes on from; null for a new run.</param>
    /// <param name="display">A further sink, if there is one.</param>
    public static MetricSinks Open(IReadOnlyList<string> names, RunFolder folder, TextWriter? console,
        long? resumedStep = null, IMetricSink? display = null)
    {
        List<IMetricSink> sinks = display is null ? [] : [display];
        foreach (string name in names)
        {
            switch (name)
            {
                case "console" when console is null:
                    break;
                case "console":
                    sinks.Add(new ConsoleSink(console));
                    break;
                case "file":
                    sinks.Add(new JsonLinesSink(folder.MetricsPath));
                    break;
                case "csv":
                    sinks.Add(new CsvSink(Path.Combine(folder.Root, "metrics.csv")));
                    break;
                case "tensorboard":
                    sinks.Add(new TensorBoardSink(folder.TensorBoardPath, resumedStep));
                    break;
                default:
                    throw new ConfigException($"trainer.logger: there is no sink '{name}'");
            }
        }

        return new(sinks);
    }

    /// <summary>Writes a step everywhere.</summary>
    public void Write(long step, MetricSet metrics)
    {
        foreach (IMetricSink sink in sinks)
        {
            sink.Write(step, metrics);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IMetricSink sink in sinks)
        {
            sink.Dispose();
        }
    }
}
