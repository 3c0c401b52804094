using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using Tbrm.Objectives;
using Tbrm.Training.Metrics;

namespace Tbrm.Training.Reports;

/// <summary>The head of a report: what was run, and what came of it in a few large numbers.</summary>
internal static class ReportHeader
{
    public static void Append(StringBuilder html, ReportFacts facts, string title)
    {
        (string state, string kind) = State(facts);
        html.Append("<header>\n<p class=\"eyebrow\">tbrm-native run report</p>\n<h1>").Append(HtmlText.Escape(title))
            .Append(CultureInfo.InvariantCulture,
                $" <span class=\"state {kind}\">{HtmlText.Escape(state)}</span></h1>\n<p class=\"about\">")
            .AppendJoin("<span aria-hidden=\"true\"> · </span>", About(facts).Select(HtmlText.Escape))
                .Append("</p>\n<dl class=\"tiles\">\n");
        foreach ((string name, string value, string note) in Tiles(facts))
        {
            html.Append("<div class=\"tile\"><dt>").Append(HtmlText.Escape(name)).Append("</dt><dd>").Append(value)
                .Append(note.Length > 0 ? $"<small>{HtmlText.Escape(note)}</small>" : "").Append("</dd></div>\n");
        }

        html.Append("</dl>\n</header>\n");
    }

    private static (string State, string Kind) State(ReportFacts facts) => facts.IsFinished ? ("finished", "good")
        : facts.History.Rows == 0 ? ("no steps yet", "open")
        : (string.Create(CultureInfo.InvariantCulture, $"up to step {Steps(facts)}"), "open");

    private static long Steps(ReportFacts facts) => (long)(facts.Number("steps") ?? facts.History.LastStep);

    private static IEnumerable<string> About(ReportFacts facts)
    {
        if (facts.Config is { } config)
        {
            bool isSft = facts.IsSupervised;
            yield return isSft ? "supervised fine-tuning" : AlgorithmTable.DescriptionOf(config.Algorithm);
            yield return isSft && config.Sft.TrainFiles.Count > 0
                ? string.Join(", ", config.Sft.TrainFiles.Select(Path.GetFileName)) : config.Data.Task.Length > 0
                ? config.Data.Task
                : string.Join(", ", config.Data.TrainFiles.Select(Path.GetFileName)
                    .Concat(config.Data.Tasks.Select(t => t.Name)));
            yield return isSft
                ? string.Create(CultureInfo.InvariantCulture, $"{config.Sft.TrainBatchSize} examples a step")
                : string.Create(CultureInfo.InvariantCulture,
                    $"{config.Data.TrainBatchSize} prompts × {config.Rollout.N} responses a step");
        }

        if (facts.Summary["model"] is JsonObject model)
        {
            yield return $"{ReportFacts.Text(model, "architecture")}, {Text("layers")} layers, width "
                + $"{Text("hidden_size")}, {Text("heads")}/{Text("key_value_heads")} heads, vocabulary "
                + $"{Text("vocab_size")}, {Text("dtype")}";

            string Text(string key) => ReportFacts.Text(model, key) ?? "?";
        }

        if (Machine(facts) is { } machine)
        {
            yield return machine;
        }

        if (ReportFacts.Text(facts.Summary, "seed") is { } seed)
        {
            yield return "seed " + seed;
        }
    }

    /// <summary>What the run computes on; null when it does not say.</summary>
    public static string? Machine(ReportFacts facts) => facts.Summary["device"] is not JsonObject device ? null
        : string.Join(" ", new[] { ReportFacts.Text(device, "device"), ReportFacts.Text(device, "name"),
            ReportFacts.Text(device, "isa") }.Where(t => t is not null))
            + (ReportFacts.Text(device, "threads") is { } threads ? $", {threads} threads" : "");

    private static IEnumerable<(string Name, string Value, string Note)> Tiles(ReportFacts facts)
    {
        double? before = facts.Number("val_before") ?? First(facts.Validation), after = facts.Number("val_after")
            ?? Last(facts.Validation);
        if (after is { } now)
        {
            string change = before is { } then
                ? string.Create(CultureInfo.InvariantCulture, $"{(now - then) * 100:+0.0;−0.0;±0} points") : "";
            yield return ("Held-out accuracy", before is null ? HtmlText.Percent(now)
                : $"{HtmlText.Percent(before.Value)} <span class=\"arrow\">→</span> {HtmlText.Percent(now)}", change);
        }

        if (facts.Number("val_best") is { } best)
        {
            yield return ("Best", HtmlText.Percent(best),
                string.Create(CultureInfo.InvariantCulture, $"at step {facts.Number("best_step")}"));
        }

        if (facts.Number("val_loss_after") is { } loss)
        {
            yield return ("Held-out loss", facts.Number("val_loss_before") is { } first
                ? $"{HtmlText.Number(first)} <span class=\"arrow\">→</span> {HtmlText.Number(loss)}"
                    : HtmlText.Number(loss), "nats per token");
        }

        double total = facts.Number("total_steps") ?? facts.Config?.Trainer.TotalTrainingSteps ?? -1;
        yield return ("Steps", HtmlText.Number(Steps(facts)), total >= 0 ? "of " + HtmlText.Number(total) : "");
        if (facts.Number("wall_s") is { } wall)
        {
            yield return ("Wall time", HtmlText.Duration(wall), "");
        }

        if (facts.History.Find("perf/total_num_tokens") is { } tokens)
        {
            yield return ("Tokens", HtmlText.Number(tokens.Values.Where(double.IsFinite).Sum()),
                "prompts and responses");
        }

        if (facts.Summary["model"] is JsonObject model && model["parameters"] is JsonValue parameters)
        {
            yield return ("Parameters", HtmlText.Number(parameters.GetValue<double>()), "");
        }
    }

    private static double? First(MetricSeries? series) => series is { Count: > 1 } ? series.Values[0] : null;

    private static double? Last(MetricSeries? series) => series is { Count: > 0 } ? series.Values[^1] : null;
}
