using System.Collections.Generic;

namespace Tbrm.Training.Reports.Charts;

/// <summary>How a chart's values are labelled.</summary>
internal enum ChartUnit
{
    /// <summary>A plain number.</summary>
    Number,

    /// <summary>A share, shown as a percentage.</summary>
    Share,

    /// <summary>Seconds.</summary>
    Seconds,
}

/// <summary>One curve of a chart.</summary>
/// <param name="Label">In the legend.</param>
/// <param name="Metric">Metric name.</param>
/// <param name="Low">Metric of a band's lower edge, or null.</param>
/// <param name="High">Metric of a band's upper edge, or null.</param>
/// <param name="Deviation">Metric of a standard deviation that makes a band around the curve, or null.</param>
/// <param name="Responses">The curve is a share of so many independent responses: a band of one standard error; null
/// for none.</param>
internal sealed record CurveSpec(string Label, string Metric, string? Low = null, string? High = null,
    string? Deviation = null, double? Responses = null);

/// <summary>One chart of the report; it is drawn when at least one of its curves has data.</summary>
internal sealed record ChartSpec(string Title, string Explanation, IReadOnlyList<CurveSpec> Curves)
{
    /// <summary>How values are labelled.</summary>
    public ChartUnit Unit { get; init; }

    /// <summary>The axis reaches down to here at least.</summary>
    public double? Low { get; init; }

    /// <summary>The axis reaches up to here at least.</summary>
    public double? High { get; init; }

    /// <summary>A logarithmic axis when the values spread over several powers of ten.</summary>
    public bool MayBeLog { get; init; }

    /// <summary>What the horizontal axis counts.</summary>
    public string X { get; init; } = "step";

    /// <summary>Names of the places 0, 1, 2 and so on of the horizontal axis; null where it is a scale.</summary>
    public IReadOnlyList<string>? XLabels { get; init; }

    /// <summary>Text of a place on the horizontal axis.</summary>
    public string Place(double x) => XLabels is { } names && x == (int)x && x >= 0 && x < names.Count ? names[(int)x]
        : HtmlText.Place(x);

    /// <summary>A logarithmic horizontal axis, under the same condition.</summary>
    public bool MayBeLogX { get; init; }

    /// <summary>A running mean over a noisy curve.</summary>
    public bool Smooth { get; init; }

    /// <summary>Text of a value.</summary>
    public string Format(double value) => Unit switch
    {
        ChartUnit.Share => HtmlText.Percent(value),
        ChartUnit.Seconds => HtmlText.Number(value) + " s",
        _ => HtmlText.Number(value),
    };
}
