using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Reports;

/// <summary>The parts of a report between the curves and the tables.</summary>
internal static class ReportSections
{
    /// <summary>Characters of a text that are shown; the dump has the whole.</summary>
    private const int MostCharacters = 4000;

    public static void AppendWarnings(StringBuilder html, ReportFacts facts)
    {
        if (facts.Warnings.Count == 0)
        {
            return;
        }

        html.Append("<section><h2>Warnings</h2>\n<ul class=\"warnings\">\n");
        foreach (RunWarning warning in facts.Warnings)
        {
            string when = warning.Steps == 1
                ? string.Create(CultureInfo.InvariantCulture, $"step {warning.FirstStep}")
                : string.Create(CultureInfo.InvariantCulture,
                    $"{warning.Steps} steps, from {warning.FirstStep} to {warning.LastStep}");
            html.Append("<li><strong>").Append(HtmlText.Escape(Sentence(warning.What)))
                .Append("</strong> <span class=\"when\">").Append(when)
                .Append("</span><p>What to try: ").Append(HtmlText.Escape(warning.Advice)).Append(".</p></li>\n");
        }

        html.Append("</ul></section>\n");
    }

    /// <summary>One bar: where the wall time of the run went.</summary>
    public static void AppendPhases(StringBuilder html, ReportFacts facts)
    {
        if (facts.Summary["timing_s"] is not JsonObject timing)
        {
            return;
        }

        List<(string Name, double Seconds)> phases = [.. timing
            .Where(p => p.Key is not ("step" or "update_weights") && p.Value is JsonValue v
                && v.GetValueKind() == JsonValueKind.Number)
            .Select(p => (p.Key, p.Value!.GetValue<double>())).Where(p => p.Item2 > 0).OrderByDescending(p => p.Item2)];
        double total = phases.Sum(p => p.Seconds);
        if (!(total > 0))
        {
            return;
        }

        html.Append(
            "<section><h2>Where the time went</h2>\n<div class=\"card\"><div class=\"bar\" aria-hidden=\"true\">");
        for (int i = 0; i < phases.Count; i++)
        {
            html.Append(CultureInfo.InvariantCulture,
                $"<span class=\"s{i % 6}{(i >= 6 ? " pale" : "")}\" "
                    + $"style=\"flex-grow:{phases[i].Seconds / total:0.#####}\"></span>");
        }

        html.Append("</div><ul class=\"legend\">");
        for (int i = 0; i < phases.Count; i++)
        {
            html.Append(CultureInfo.InvariantCulture,
                $"<li><i class=\"s{i % 6}{(i >= 6 ? " pale" : "")}\"></i>{HtmlText.Escape(phases[i].Name)} "
                    + $"<b>{HtmlText.Duration(phases[i].Seconds)}</b> "
                    + $"{HtmlText.Percent(phases[i].Seconds / total)}</li>");
        }

        html.Append("</ul></div></section>\n");
    }

    public static void AppendSamples(StringBuilder html, ReportSamples samples)
    {
        bool isCompared = samples.FirstStep != samples.LastStep;
        string title = samples.Source == "rollouts" ? "Responses in training" : "Responses to held-out problems";
        html.Append(CultureInfo.InvariantCulture,
            $"<section><h2>{title}</h2>\n<p class=\"lead\">From {samples.Source}/{samples.LastStep}.jsonl")
            .Append(isCompared
                ? string.Create(CultureInfo.InvariantCulture, $" beside {samples.Source}/{samples.FirstStep}.jsonl")
                : "")
            .Append(
                "; what changed comes first.</p>\n<div class=\"table\"><table class=\"samples\"><thead><tr><th "
                    + "scope=\"col\">Problem</th>")
            .Append(isCompared
                ? string.Create(CultureInfo.InvariantCulture, $"<th scope=\"col\">Step {samples.FirstStep}</th>") : "")
            .Append(CultureInfo.InvariantCulture,
                $"<th scope=\"col\">Step {samples.LastStep}</th></tr></thead><tbody>\n");
        foreach (ReportSample sample in samples.Samples)
        {
            html.Append("<tr><td data-label=\"Problem\"><pre>").Append(Shown(sample.Input))
                .Append("</pre><p class=\"expected\">expected <code>")
                .Append(Shown(sample.Expected)).Append("</code></p></td>");
            if (isCompared)
            {
                AppendResponse(html, sample.Before, Label(samples.FirstStep));
            }

            AppendResponse(html, sample.After, Label(samples.LastStep));
            html.Append("</tr>\n");
        }

        html.Append("</tbody></table></div></section>\n");
    }

    public static void AppendCheckpoints(StringBuilder html, ReportFacts facts)
    {
        IReadOnlyList<ReportCheckpoint> checkpoints = facts.Checkpoints();
        if (checkpoints.Count == 0)
        {
            return;
        }

        html.Append(
            "<section><h2>Checkpoints</h2>\n<div class=\"table\"><table><thead><tr><th scope=\"col\" "
                + "class=\"n\">Step</th><th scope=\"col\" class=\"n\">Accuracy</th><th scope=\"col\" "
                + "class=\"n\">Size</th><th scope=\"col\">Hugging Face folder</th></tr></thead><tbody>\n");
        foreach (ReportCheckpoint checkpoint in checkpoints)
        {
            html.Append(CultureInfo.InvariantCulture,
                $"<tr><td class=\"n\">{checkpoint.Step}</td><td "
                    + $"class=\"n\">{(checkpoint.Accuracy is { } a ? HtmlText.Percent(a) : "–")}</td>")
                .Append(CultureInfo.InvariantCulture,
                    $"<td class=\"n\">{HtmlText.Bytes(checkpoint.Bytes)}</td>"
                        + $"<td><code>{HtmlText.Escape(checkpoint.Folder)}/actor/huggingface</code>")
                .Append(checkpoint.IsBest ? " <span class=\"state good\">best</span>" : "").Append("</td></tr>\n");
        }

        html.Append("</tbody></table></div></section>\n");
    }

    private static string Label(long step) => string.Create(CultureInfo.InvariantCulture, $"Step {step}");

    /// <summary>A cell with a response, its score, and whether it was cut off.</summary>
    public static void AppendResponse(StringBuilder html, SampledResponse? response, string label)
    {
        html.Append("<td data-label=\"").Append(HtmlText.Escape(label)).Append("\">");
        if (response is null)
        {
            html.Append("<p class=\"empty\">another problem</p></td>");
            return;
        }

        string kind = response.Score >= 1 ? "good" : response.Score > 0 ? "open" : "bad";
        html.Append(CultureInfo.InvariantCulture,
            $"<span class=\"state {kind}\">score {HtmlText.Number(response.Score)}</span>");
        if (response.Finish.Equals("length", StringComparison.OrdinalIgnoreCase))
        {
            html.Append(" <span class=\"state open\">cut off</span>");
        }

        html.Append("<pre>").Append(Shown(response.Text)).Append("</pre></td>");
    }

    /// <summary>A text, or as much of it as a page shows.</summary>
    public static string Shown(string text)
    {
        if (text.Length <= MostCharacters)
        {
            return HtmlText.Escape(text);
        }

        int end = char.IsHighSurrogate(text[MostCharacters - 1]) ? MostCharacters - 1 : MostCharacters;
        return HtmlText.Escape(text[..end])
            + string.Create(CultureInfo.InvariantCulture,
            $"<i class=\"more\"> … {text.Length - end} more characters</i>");
    }

    private static string Sentence(string text) => text.Length == 0 ? "" : char.ToUpperInvariant(text[0]) + text[1..];
}
