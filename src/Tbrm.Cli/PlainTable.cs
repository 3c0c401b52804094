using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Tbrm.Cli;

/// <summary>Columns of plain text, for terminals and files alike.</summary>
internal static class PlainTable
{
    /// <summary>Two blanks between columns; the first is flush left, the others right.</summary>
    public static string Of(IReadOnlyList<string> columns, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        int[] widths = [.. columns.Select((c, i) => rows.Select(r => r[i].Length).Append(c.Length).Max())];
        StringBuilder text = new();
        foreach (IReadOnlyList<string> row in rows.Prepend(columns))
        {
            string line = string.Join("  ", row.Select((cell, i) => i == 0 ? cell.PadRight(widths[i])
                : cell.PadLeft(widths[i])));
            text.Append("  ").Append(line.TrimEnd()).Append('\n');
        }

        return text.ToString();
    }
}
