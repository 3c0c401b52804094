using System;
using System.Globalization;
using System.Text;

namespace Tbrm.Training.Reports;

/// <summary>Text and numbers as they stand in a report.</summary>
internal static class HtmlText
{
    private const int ControlPictures = 0x2400, DeletePicture = 0x2421;

    /// <summary>
    /// Any text as HTML content or as a quoted attribute: markup loses its meaning, control characters become visible
    /// pictures (tab and line
    /// feed stay), and a lone surrogate becomes U+FFFD.
    /// </summary>
    public static string Escape(string? text)
    {
        StringBuilder html = new((text?.Length ?? 0) + 16);
        foreach (Rune rune in (text ?? "").Replace("\r\n", "\n", StringComparison.Ordinal).EnumerateRunes())
        {
            switch (rune.Value)
            {
                case '&':
                    html.Append("&amp;");
                    break;
                case '<':
                    html.Append("&lt;");
                    break;
                case '>':
                    html.Append("&gt;");
                    break;
                case '"':
                    html.Append("&quot;");
                    break;
                case '\'':
                    html.Append("&#39;");
                    break;
                case '\t' or '\n':
                    html.Append((char)rune.Value);
                    break;
                case < 0x20:
                    html.Append((char)(ControlPictures + rune.Value));
                    break;
                case 0x7f:
                    html.Append((char)DeletePicture);
                    break;
                default:
                    Append(html, rune);
                    break;
            }
        }

        return html.ToString();
    }

    /// <summary>A coordinate in a drawing.</summary>
    public static string Coordinate(double value) => Math.Round(value, 1).ToString("0.#", CultureInfo.InvariantCulture);

    /// <summary>A place on a horizontal axis: whole where it is a count.</summary>
    public static string Place(double value) => value == Math.Floor(value) && Math.Abs(value) < 1e15
        ? value.ToString("0", CultureInfo.InvariantCulture) : Number(value);

    /// <summary>At most four digits: 0.4867, 12.3k, 2.5e-6.</summary>
    public static string Number(double value)
    {
        double size = Math.Abs(value);
        string text = !double.IsFinite(value) ? (double.IsNaN(value) ? "NaN" : value > 0 ? "∞" : "-∞")
            : size is 0 ? "0"
            : size < 1e-3 ? value.ToString("0.###e0", CultureInfo.InvariantCulture)
            : size < 1e4 ? value.ToString("G4", CultureInfo.InvariantCulture)
            : size < 1e6 ? (value / 1e3).ToString("G4", CultureInfo.InvariantCulture) + "k"
            : size < 1e9 ? (value / 1e6).ToString("G4", CultureInfo.InvariantCulture) + "M"
            : size < 1e12 ? (value / 1e9).ToString("G4", CultureInfo.InvariantCulture) + "G"
            : value.ToString("0.###e0", CultureInfo.InvariantCulture);
        return text.Replace('-', '−').Replace("e−", "e-", StringComparison.Ordinal);
    }

    /// <summary>48.7%.</summary>
    public static string Percent(double share) =>
        double.IsFinite(share)
            ? (share * 100).ToString(Math.Abs(share) < 0.01 ? "0.###" : "0.#", CultureInfo.InvariantCulture) + "%"
            : Number(share);

    /// <summary>1 h 02 min, 3 min 05 s, 12.3 s.</summary>
    public static string Duration(double seconds)
    {
        if (!double.IsFinite(seconds) || seconds < 0)
        {
            return "–";
        }

        TimeSpan time = TimeSpan.FromSeconds(Math.Min(seconds, 1e11));
        return seconds < 60 ? string.Create(CultureInfo.InvariantCulture, $"{seconds:0.#} s")
            : seconds < 3600
                ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalMinutes} min {time.Seconds:00} s")
            : string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalHours} h {time.Minutes:00} min");
    }

    /// <summary>1.25 MB, powers of ten.</summary>
    public static string Bytes(long bytes) => bytes < 1000 ? $"{bytes} B"
        : bytes < 1_000_000 ? string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e3:G3} kB")
        : bytes < 1_000_000_000 ? string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:G3} MB")
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.##} GB");

    private static void Append(StringBuilder html, Rune rune)
    {
        // C1 controls and non-characters are no part of HTML; a text direction mark would turn round what stands beside
        // it.
        bool isDirection = rune.Value is (>= 0x202a and <= 0x202e) or (>= 0x2066 and <= 0x2069) or 0x200e or 0x200f;
        bool isForbidden = rune.Value is >= 0x80 and < 0xa0 || (rune.Value & 0xfffe) == 0xfffe
            || rune.Value is >= 0xfdd0 and <= 0xfdef;
        if (isDirection || isForbidden)
        {
            html.Append(CultureInfo.InvariantCulture, $"⟨U+{rune.Value:X4}⟩");
        }
        else
        {
            html.Append(rune.ToString());
        }
    }
}
