using System;
using System.Collections.Generic;
using System.Linq;

namespace Tbrm.Training.Reports.Charts;

/// <summary>Maps values to coordinates, with round numbers as marks.</summary>
internal sealed class ChartAxis
{
    private readonly double _low;
    private readonly double _high;
    private readonly bool _isLog;

    /// <summary>Covers the finite ones of <paramref name="values"/>; a logarithmic axis only where all are
    /// positive.</summary>
    public ChartAxis(IEnumerable<double> values, double? low = null, double? high = null, bool mayBeLog = false)
    {
        double min = double.PositiveInfinity, max = double.NegativeInfinity;
        foreach (double value in values.Where(double.IsFinite))
        {
            min = Math.Min(min, value);
            max = Math.Max(max, value);
        }

        (min, max) = min <= max ? (Math.Min(min, low ?? min), Math.Max(max, high ?? max)) : (low ?? 0, high ?? 1);
        _isLog = mayBeLog && min > 0 && max / min > 300;
        if (_isLog)
        {
            (_low, _high) = (Math.Pow(10, Math.Floor(Math.Log10(min))), Math.Pow(10, Math.Ceiling(Math.Log10(max))));
        }
        else
        {
            (_low, _high) = Rounded(min, max, isFixed: low is not null && high is not null);
        }
    }

    /// <summary>0 at the low end, 1 at the high end.</summary>
    public double Fraction(double value) => _isLog
        ? Math.Log10(Math.Max(value, _low) / _low) / Math.Log10(_high / _low)
        : value / (_high - _low) - _low / (_high - _low);

    /// <summary>Values that get a mark.</summary>
    public IReadOnlyList<double> Marks(int about)
    {
        if (_isLog)
        {
            int first = (int)Math.Round(Math.Log10(_low)), last = (int)Math.Round(Math.Log10(_high)),
                every = (last - first) / about + 1;
            return [.. Enumerable.Range(0, (last - first) / every + 1).Select(i => Math.Pow(10, first + i * every))];
        }

        double step = Step(_high - _low, about);
        double begin = Math.Ceiling(_low / step - 1e-9);
        return [.. Enumerable.Range(0, 3 * about + 3).Select(i => (begin + i) * step)
            .TakeWhile(v => v <= _high + step * 1e-6)];
    }

    private static (double Low, double High) Rounded(double min, double max, bool isFixed)
    {
        if (isFixed && max > min)
        {
            return (min, max);
        }

        double span = max - min, size = Math.Max(Math.Abs(min), Math.Abs(max));
        if (!double.IsFinite(span))
        {
            // Beyond the range of a double: half of each side still shows where the curve goes.
            (min, max) = (min / 2, max / 2);
            span = max - min;
        }

        if (!(span > size * 1e-9) || !(span > double.Epsilon * 1e3))
        {
            double room = size > 0 ? size * 0.1 : 1;
            return min >= 0 && min - room < 0 ? (0, max + room) : (min - room, max + room);
        }

        double step = Step(span, 4);
        // From zero where the curve comes near it anyway.
        double low = min > 0 && min < span * 0.5 ? 0 : Math.Floor(min / step) * step;
        return (low, Math.Ceiling(max / step) * step);
    }

    /// <summary>1, 2 or 5 times a power of ten.</summary>
    private static double Step(double span, int about)
    {
        double raw = span / about, power = Math.Pow(10, Math.Floor(Math.Log10(raw))), lead = raw / power;
        return power * (lead < 1.5 ? 1 : lead < 3 ? 2 : lead < 7 ? 5 : 10);
    }
}
