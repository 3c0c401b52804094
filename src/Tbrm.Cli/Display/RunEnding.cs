using System;
using System.Collections.Generic;
using System.IO;
using System.Text.Json.Nodes;
using Tbrm.Training.Runs;

namespace Tbrm.Cli.Display;

/// <summary>What a run that reached its last step says at the end: before and after, where things are, what to do with
/// them.</summary>
internal static class RunEnding
{
    /// <summary>Its lines, from the run's summary.json.</summary>
    /// <param name="folder">The run's.</param>
    /// <param name="verb">train or sft.</param>
    public static IEnumerable<string> Lines(RunFolder folder, string verb)
    {
        JsonNode summary = JsonNode.Parse(File.ReadAllText(folder.SummaryPath))!;
        long steps = (long)summary["steps"]!;
        string time = BlockText.Clock(TimeSpan.FromSeconds((double)summary["wall_s"]!));
        yield return FormattableString.Invariant($"finished: {steps} steps in {time}");
        if (Change(summary) is { } change)
        {
            yield return change;
        }

        yield return $"report:   {folder.ReportPath}";
        yield return "next:";
        string run = folder.Quoted;
        yield return $"  tbrm-native eval --run-dir {run}";
        yield return $"  tbrm-native generate --run-dir {run} --prompt 'TEXT'";
        string section = verb == RunState.Sft ? "sft" : "trainer";
        yield return $"  tbrm-native {verb} --run-dir {run} --resume {section}.total_training_steps={2 * steps}";
    }

    private static string? Change(JsonNode summary)
    {
        if (summary["val_after"] is not JsonValue after)
        {
            string start = summary["val_loss_before"] is JsonValue first
                ? FormattableString.Invariant($", {(double)first:F3} before") : "";
            return summary["val_loss_after"] is JsonValue loss
                ? FormattableString.Invariant($"held-out: loss {(double)loss:F3}{start}") : null;
        }

        string before = summary["val_before"] is JsonValue value
            ? FormattableString.Invariant($"{100 * (double)value:F1} % before, ") : "";
        string best = summary["val_best"] is JsonValue most && (double)most > (double)after
            ? FormattableString.Invariant($" (best {100 * (double)most:F1} % at step {(long)summary["best_step"]!})")
                : "";
        return FormattableString.Invariant($"held-out: {before}{100 * (double)after:F1} % after{best}");
    }
}
