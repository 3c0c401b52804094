using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Spectre.Console;
using Tbrm.Training.Evaluation;

namespace Tbrm.Cli;

/// <summary>An evaluation's report for people: framed on a terminal, plain columns otherwise.</summary>
internal static class EvaluationTable
{
    private static readonly string[] s_columns =
        ["data source", "problems", "n", "avg@n", "std.err", "pass@n", "maj@n", "tokens", "truncated", "no answer",
            "failed"];

    public static void Write(EvaluationReport report, TextWriter output, bool isTerminal, int width)
    {
        List<string[]> rows = [.. report.Sources.Select(Row)];
        if (rows.Count > 1)
        {
            rows.Add(["average", Number(report.Sources.Sum(s => s.Problems)), "", Percent(report.MacroMean), "", "", "",
                "", "", "", ""]);
        }

        if (isTerminal && FramedWidth(rows) <= width)
        {
            WriteFramed(rows, output);
        }
        else if (isTerminal)
        {
            WriteTurned(rows, output);
        }
        else
        {
            WritePlain(rows, output);
        }
    }

    /// <summary>Each cell with a blank on both sides, and the lines between and around them.</summary>
    private static int FramedWidth(List<string[]> rows) =>
        1 + s_columns.Select((name, i) => rows.Select(r => r[i].Length).Append(name.Length).Max() + 3).Sum();

    /// <summary>For a screen that is too narrow for the frame: a row for each figure, a column for each
    /// source.</summary>
    private static void WriteTurned(List<string[]> rows, TextWriter output) => output.Write(PlainTable.Of(
        [s_columns[0], .. rows.Select(r => r[0])],
        [.. s_columns.Skip(1).Select((name, i) => (string[])[name, .. rows.Select(r => r[i + 1])])]));

    private static string[] Row(SourceReport source) =>
    [
        VisibleText.OnOneLine(source.Source), Number(source.Problems), Number(source.Samples), Percent(source.Mean),
            Percent(source.StandardError),
        Percent(source.Pass[^1]), Percent(source.Majority), source.MeanTokens is { } tokens
            ? tokens.ToString("F0", CultureInfo.InvariantCulture) : "-",
        source.Truncated is { } truncated ? Percent(truncated)
            : "-", Number(source.Ungraded.NoAnswer),
            Number(source.OutOfSteps + source.Ungraded.Timeout + source.Ungraded.Error),
    ];

    private static void WriteFramed(List<string[]> rows, TextWriter output)
    {
        Table table = new() { Border = TableBorder.Rounded };
        for (int i = 0; i < s_columns.Length; i++)
        {
            TableColumn column = new(s_columns[i]);
            table.AddColumn(i == 0 ? column : column.RightAligned());
        }

        foreach (string[] row in rows)
        {
            table.AddRow([.. row.Select(Markup.Escape)]);
        }

        AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) }).Write(table);
    }

    private static void WritePlain(List<string[]> rows, TextWriter output)
    {
        int[] widths = [.. s_columns.Select((name, i) => rows.Select(r => r[i].Length).Append(name.Length).Max())];
        foreach (string[] row in rows.Prepend(s_columns))
        {
            output.WriteLine(string.Join(
                "  ", row.Select((cell, i) => i == 0 ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i]))).TrimEnd());
        }
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>Two decimals of a percentage, as papers print them.</summary>
    private static string Percent(double share) => double.IsFinite(share)
        ? (share * 100).ToString("F2", CultureInfo.InvariantCulture) : "-";
}
