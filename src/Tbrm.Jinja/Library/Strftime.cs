using System;
using System.Globalization;
using System.Text;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Library;

/// <summary>datetime.strftime in the C locale.</summary>
internal static class Strftime
{
    /// <summary>The time written as the format says.</summary>
    public static string Format(DateTimeOffset time, string format)
    {
        StringBuilder output = new();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                output.Append(format[i]);
                continue;
            }

            char code = format[++i];
            bool unpadded = code is '-' && i + 1 < format.Length;
            if (unpadded)
            {
                code = format[++i];
            }

            PyOperators.Require(output.Length);
            string text = Field(time, code) ?? "%" + code;
            output.Append(unpadded && text.TrimStart('0', ' ') is { Length: > 0 } bare ? bare : unpadded
                && text.Length > 0 ? "0" : text);
        }

        return output.ToString();
    }

    private static string? Field(DateTimeOffset time, char code)
    {
        CultureInfo c = CultureInfo.InvariantCulture;
        return code switch
        {
            'a' => time.ToString("ddd", c),
            'A' => time.ToString("dddd", c),
            'b' or 'h' => time.ToString("MMM", c),
            'B' => time.ToString("MMMM", c),
            'c' => time.ToString("ddd MMM ", c) + time.Day.ToString(c).PadLeft(2) + time.ToString(" HH:mm:ss yyyy", c),
            'C' => (time.Year / 100).ToString("00", c),
            'd' => time.ToString("dd", c),
            'D' or 'x' => time.ToString("MM'/'dd'/'yy", c),
            'e' => time.Day.ToString(c).PadLeft(2),
            'f' => time.ToString("ffffff", c),
            'F' => time.ToString("yyyy-MM-dd", c),
            'g' => (ISOWeek.GetYear(time.DateTime) % 100).ToString("00", c),
            'G' => ISOWeek.GetYear(time.DateTime).ToString(c),
            'H' => time.ToString("HH", c),
            'I' => time.ToString("hh", c),
            'j' => time.DayOfYear.ToString("000", c),
            'k' => time.Hour.ToString(c).PadLeft(2),
            'l' => time.ToString("%h", c).PadLeft(2),
            'm' => time.ToString("MM", c),
            'M' => time.ToString("mm", c),
            'n' => "\n",
            'p' => time.Hour < 12 ? "AM" : "PM",
            'P' => time.Hour < 12 ? "am" : "pm",
            'r' => time.ToString("hh:mm:ss ", c) + (time.Hour < 12 ? "AM" : "PM"),
            'R' => time.ToString("HH:mm", c),
            's' => time.ToUnixTimeSeconds().ToString(c),
            'S' => time.ToString("ss", c),
            't' => "\t",
            'T' or 'X' => time.ToString("HH:mm:ss", c),
            'u' => (time.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)time.DayOfWeek).ToString(c),
            'U' => ((time.DayOfYear + 6 - (int)time.DayOfWeek) / 7).ToString("00", c),
            'V' => ISOWeek.GetWeekOfYear(time.DateTime).ToString("00", c),
            'w' => ((int)time.DayOfWeek).ToString(c),
            'W' => ((time.DayOfYear + 6 - (((int)time.DayOfWeek + 6) % 7)) / 7).ToString("00", c),
            'y' => time.ToString("yy", c),
            'Y' => time.Year.ToString(c),

            // A datetime without a zone, which datetime.now() gives, writes neither.
            'z' or 'Z' => "",
            '%' => "%",
            _ => null,
        };
    }
}
