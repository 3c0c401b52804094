using System;

namespace Tbrm.Training.Metrics;

/// <summary>Where the numbers of a step go.</summary>
public interface IMetricSink : IDisposable
{
    /// <summary>Writes one step and makes it durable enough that a killed process has lost nothing of it.</summary>
    void Write(long step, MetricSet metrics);
}
