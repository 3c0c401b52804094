using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Tbrm.Training.Config.Descriptions;

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

    /// <summary>Rows of columns that are flush left, the last of which is broken into lines of its own at
    /// <paramref name="width"/>.</summary>
    /// <param name="rows">Rows of as many cells; a line end in the last cell is one.</param>
    /// <param name="width">Letters of a line; a longer word has a line of its own.</param>
    public static string Wrapped(IReadOnlyList<IReadOnlyList<string>> rows, int width)
    {
        int last = rows.Count > 0 ? rows[0].Count - 1 : 0;
        int[] widths = [.. Enumerable.Range(0, last).Select(i => rows.Max(r => r[i].Length))];
        int indent = 2 + widths.Sum(w => w + 2);
        StringBuilder text = new();
        foreach (IReadOnlyList<string> row in rows)
        {
            string front = "  " + string.Concat(row.Take(last).Select((cell, i) => cell.PadRight(widths[i] + 2)));
            foreach (string line in row[last].Split('\n')
                .SelectMany(l => Lines.Wrap(l, Math.Max(20, width - indent))))
            {
                text.Append((front + line).TrimEnd()).Append('\n');
                front = new(' ', indent);
            }
        }

        return text.ToString();
    }
}
