using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using Tbrm.Training.Metrics;
using Tbrm.Training.Reports.Charts;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Reports;

/// <summary>
/// report.html: one file that explains a run, drawn from the run folder alone. It loads nothing, and shows everything
/// without scripts; a script
/// adds the readout under the pointer.
/// </summary>
public static class RunReport
{
    /// <summary>Reads the folder and replaces its report.html in one step.</summary>
    public static void Write(RunFolder folder) => Write(folder, new RunHistory(folder.MetricsPath), null);

    /// <summary>As above, for a run that is going on: <paramref name="history"/> reads only what is new.</summary>
    public static void Write(RunFolder folder, RunHistory history, RunWarnings? warnings) =>
        RunFolder.WriteText(folder.ReportPath, ToHtml(ReportFacts.Read(folder, history, warnings)));

    internal static string ToHtml(ReportFacts facts)
    {
        string title = Title(facts);
        StringBuilder html = new();
        PageShell.Open(html, title, refreshes: !facts.IsFinished && facts.Summary.Count > 0);
        ReportHeader.Append(html, facts, title);
        html.Append("<main>\n");
        ReportSections.AppendWarnings(html, facts);
        AppendCharts(html, facts);
        ReportSections.AppendPhases(html, facts);
        ReportCredit.Append(html, facts.Folder);
        foreach (ReportSamples samples in ReportSamples.Read(facts.Folder))
        {
            ReportSections.AppendSamples(html, samples);
        }

        ReportSections.AppendCheckpoints(html, facts);
        ReportTables.AppendConfig(html, facts);
        ReportTables.AppendMetrics(html, facts.History);
        html.Append("</main>\n<footer>");
        if (ReportFacts.Text(facts.Summary, "command") is { } command)
        {
            html.Append("<p><code>").Append(HtmlText.Escape(command)).Append("</code></p>\n");
        }

        html.Append("Written by tbrm-native ").Append(HtmlText.Escape(ReportFacts.Text(facts.Summary, "version")))
            .Append(ReportHeader.Machine(facts) is { } machine ? " on " + HtmlText.Escape(machine) : "")
            .Append(". The numbers are in metrics.jsonl and summary.json beside this file.");
        PageShell.Close(html);
        return html.ToString();
    }

    private static string Title(ReportFacts facts) => facts.Config is { } config
        ? $"{config.Trainer.ProjectName} / {config.Trainer.ExperimentName}" : Path.GetFileName(facts.Folder.Root);

    private static void AppendCharts(StringBuilder html, ReportFacts facts)
    {
        if (facts.History.Rows == 0)
        {
            html.Append(
                "<section><h2>Curves</h2><p class=\"empty\">There are no metrics yet. They come from metrics.jsonl, "
                    + "which the logger <code>file</code> writes (trainer.logger).</p></section>\n");
            return;
        }

        int number = 0;
        foreach ((string heading, IReadOnlyList<ChartSpec> specs) in ReportCharts.Of(facts.History, facts.Config))
        {
            List<string> figures =
                [.. specs.Select(s => new LineChart(s, facts.History, Id())).Where(c => c.HasData)
                .Select(c => c.ToHtml())];
            if (heading.StartsWith("Speed", StringComparison.Ordinal)
                && new PhaseChart(facts.History, Id()) is { HasData: true } phases)
            {
                figures.Add(phases.ToHtml());
            }

            if (figures.Count > 0)
            {
                html.Append("<section><h2>").Append(heading).Append("</h2>\n<div class=\"charts\">\n")
                    .AppendJoin('\n', figures).Append("\n</div></section>\n");
            }
        }

        string Id() => string.Create(CultureInfo.InvariantCulture, $"c{number++}");
    }
}
