using System;
using System.Collections.Generic;
using System.IO;
using System.Text.Json;

namespace Tbrm.Training.Metrics;

/// <summary>One metric over the steps that have it.</summary>
public sealed class MetricSeries
{
    private readonly List<long> _steps = [];
    private readonly List<double> _values = [];

    /// <summary>Steps, as they were written.</summary>
    public IReadOnlyList<long> Steps => _steps;

    /// <summary>One value per step; may be NaN or infinite.</summary>
    public IReadOnlyList<double> Values => _values;

    /// <summary>How many steps have the metric.</summary>
    public int Count => _steps.Count;

    internal void Add(long step, double value)
    {
        _steps.Add(step);
        _values.Add(value);
    }
}

/// <summary>
/// metrics.jsonl, read as far as it has been written and further with every <see cref="ReadOn"/>. A line without its
/// end is left for the next
/// time; one that is no JSON object with a step is passed over.
/// </summary>
public sealed class RunHistory(string path)
{
    private readonly Dictionary<string, MetricSeries> _series = new(StringComparer.Ordinal);
    private readonly List<string> _names = [];
    private long _position;

    /// <summary>Metric names in the order of their first appearance.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>Lines read.</summary>
    public long Rows { get; private set; }

    /// <summary>The newest step; 0 before the first.</summary>
    public long LastStep { get; private set; }

    /// <summary>The metric, or null when no step has it.</summary>
    public MetricSeries? Find(string name) => _series.GetValueOrDefault(name);

    /// <summary>Takes in what was appended since the last call; <paramref name="onRow"/> sees every new step.</summary>
    public void ReadOn(Action<long, MetricSet>? onRow = null)
    {
        if (!File.Exists(path))
        {
            return;
        }

        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        file.Seek(_position, SeekOrigin.Begin);
        byte[] buffer = new byte[1 << 16];
        using MemoryStream line = new();
        for (int read = file.Read(buffer); read > 0; read = file.Read(buffer))
        {
            ReadOnlySpan<byte> rest = buffer.AsSpan(0, read);
            for (int end = rest.IndexOf((byte)'\n'); end >= 0; end = rest.IndexOf((byte)'\n'))
            {
                line.Write(rest[..end]);
                _position += line.Length + 1;
                Take(line.GetBuffer().AsMemory(0, (int)line.Length), onRow);
                line.SetLength(0);
                rest = rest[(end + 1)..];
            }

            line.Write(rest);
        }
    }

    private void Take(ReadOnlyMemory<byte> line, Action<long, MetricSet>? onRow)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            if (document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("step", out JsonElement number)
                && number.TryGetInt64(out long step))
            {
                MetricSet row = Row(document.RootElement);
                Add(step, row);
                onRow?.Invoke(step, row);
            }
        }
        catch (JsonException)
        {
            // A line that a crash cut off and a later process wrote behind.
        }
    }

    private void Add(long step, MetricSet row)
    {
        Rows++;
        LastStep = Math.Max(LastStep, step);
        foreach (string name in row.Names)
        {
            if (!_series.TryGetValue(name, out MetricSeries? series))
            {
                series = new();
                _series.Add(name, series);
                _names.Add(name);
            }

            series.Add(step, row[name]);
        }
    }

    private static MetricSet Row(JsonElement json)
    {
        MetricSet row = new();
        foreach (JsonProperty property in json.EnumerateObject())
        {
            if (property.Name != "step" && Number(property.Value) is { } value)
            {
                row[property.Name] = value;
            }
        }

        return row;
    }

    private static double? Number(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => value.GetDouble(),
        JsonValueKind.String => value.GetString() switch
        {
            "NaN" => double.NaN,
            "Infinity" => double.PositiveInfinity,
            "-Infinity" => double.NegativeInfinity,
            _ => null,
        },
        _ => null,
    };
}
