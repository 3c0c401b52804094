using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;

namespace Tbrm.Training.Reports.Charts;

/// <summary>What every drawing shares: the plot's place, the grid and its labels. Units of the viewBox.</summary>
internal sealed class ChartFrame(string id, string title, string description, ChartAxis steps, ChartAxis values,
    Func<double, string> label)
{
    public const int Width = 440, Height = 220, Left = 50, Right = 14, Top = 10, Bottom = 26;

    /// <summary>Names of the places 0, 1, 2 and so on; null where the axis is a scale.</summary>
    public IReadOnlyList<string>? Names { get; init; }

    /// <summary>Horizontal place of a step.</summary>
    public double X(double step) => Left + steps.Fraction(step) * (Width - Left - Right);

    /// <summary>Vertical place of a value.</summary>
    public double Y(double value) => Height - Bottom - values.Fraction(value) * (Height - Top - Bottom);

    /// <summary>The opening tag, title, description and grid.</summary>
    public string Open()
    {
        StringBuilder svg = new();
        svg.Append(CultureInfo.InvariantCulture,
            $"<svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">")
            .Append(CultureInfo.InvariantCulture,
                $"<title id=\"{id}-t\">{HtmlText.Escape(title)}</title><desc "
                    + $"id=\"{id}-d\">{HtmlText.Escape(description)}</desc>");
        foreach (double value in values.Marks(4))
        {
            string y = HtmlText.Coordinate(Y(value));
            svg.Append(CultureInfo.InvariantCulture, $"<path class=\"grid\" d=\"M{Left} {y}H{Width - Right}\"/>")
                .Append(CultureInfo.InvariantCulture,
                    $"<text class=\"tick\" x=\"{Left - 7}\" y=\"{y}\" dy=\"3.5\" "
                        + $"text-anchor=\"end\">{label(value)}</text>");
        }

        foreach (double step in Names is null ? steps.Marks(5).Where(s => s == Math.Floor(s))
            : Enumerable.Range(0, Names.Count).Select(i => (double)i))
        {
            string anchor = X(step) > Width - Right - 12 ? "end" : "middle";
            string label = Names is null ? HtmlText.Number(step) : HtmlText.Escape(Names[(int)step]);
            svg.Append(CultureInfo.InvariantCulture,
                $"<text class=\"tick\" x=\"{HtmlText.Coordinate(X(step))}\" y=\"{Height - Bottom + 16}\" "
                    + $"text-anchor=\"{anchor}\">{label}</text>");
        }

        return svg.Append(CultureInfo.InvariantCulture,
            $"<path class=\"axis\" d=\"M{Left} {Height - Bottom}H{Width - Right}\"/>").ToString();
    }
}
