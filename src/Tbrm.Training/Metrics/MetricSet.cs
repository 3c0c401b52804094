using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tbrm.Training.Metrics;

/// <summary>Numbers of one step by verl's names, in the order in which they were added.</summary>
public sealed class MetricSet
{
    private readonly List<string> _names = [];
    private readonly Dictionary<string, double> _values = new(StringComparer.Ordinal);

    /// <summary>Names in order.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>One number; adding a name again replaces its value.</summary>
    public double this[string name]
    {
        get => _values[name];
        set
        {
            if (_values.TryAdd(name, value))
            {
                _names.Add(name);
            }
            else
            {
                _values[name] = value;
            }
        }
    }

    /// <summary>The number, or null.</summary>
    public double? Find(string name) => _values.TryGetValue(name, out double value) ? value : null;

    /// <summary>name/mean, name/max, name/min of some numbers; nothing when there are none.</summary>
    public void AddSpread(string name, IReadOnlyCollection<double> values)
    {
        if (values.Count == 0)
        {
            return;
        }

        double sum = 0, max = double.NegativeInfinity, min = double.PositiveInfinity;
        foreach (double value in values)
        {
            sum += value;
            max = Math.Max(max, value);
            min = Math.Min(min, value);
        }

        this[name + "/mean"] = sum / values.Count;
        this[name + "/max"] = max;
        this[name + "/min"] = min;
    }

    /// <summary>Takes over all numbers of another set.</summary>
    public void AddAll(MetricSet other)
    {
        foreach (string name in other.Names)
        {
            this[name] = other[name];
        }
    }

    /// <summary>The numbers by name. They keep all their bits; what is not finite becomes a string, since JSON has no
    /// word for it.</summary>
    public JsonObject ToJson()
    {
        JsonObject json = [];
        foreach (string name in _names)
        {
            double value = _values[name];
            json[name] = double.IsFinite(value) ? value : double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity"
                : "-Infinity";
        }

        return json;
    }

    /// <summary>What <see cref="ToJson"/> wrote; members that are no numbers are passed over.</summary>
    public static MetricSet FromJson(JsonObject json)
    {
        MetricSet metrics = new();
        foreach ((string name, JsonNode? value) in json)
        {
            if (Number(value) is { } number)
            {
                metrics[name] = number;
            }
        }

        return metrics;
    }

    private static double? Number(JsonNode? value) => value?.GetValueKind() switch
    {
        JsonValueKind.Number => value.GetValue<double>(),
        JsonValueKind.String => value.GetValue<string>() switch
        {
            "NaN" => double.NaN,
            "Infinity" => double.PositiveInfinity,
            "-Infinity" => double.NegativeInfinity,
            _ => null,
        },
        _ => null,
    };

    /// <summary>verl's console line: <c>step:12 - actor/pg_loss:0.01 - ...</c>; nothing else in it has a
    /// colon.</summary>
    public string ToConsoleLine(long step)
    {
        List<string> parts = [string.Create(CultureInfo.InvariantCulture, $"step:{step}")];
        foreach (string name in _names)
        {
            parts.Add(Word(name) + ":" + _values[name].ToString("G6", CultureInfo.InvariantCulture));
        }

        return string.Join(" - ", parts);
    }

    /// <summary>A data source may be called anything; here its name is one word without the characters that
    /// separate.</summary>
    private static string Word(string name) =>
        string.Concat(name.Select(c => c == ':' || char.IsWhiteSpace(c) || char.IsControl(c) ? '_' : c));
}
