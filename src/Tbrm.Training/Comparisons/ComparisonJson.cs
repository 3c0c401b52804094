using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Comparisons;

/// <summary>A comparison as one object. What is no number is null.</summary>
public static class ComparisonJson
{
    /// <summary>Everything that the page shows but the samples.</summary>
    public static JsonObject Of(Comparison comparison) => new()
    {
        ["version"] = ProgramVersion.Text,
        ["budget"] = new JsonObject
        {
            ["tokens"] = comparison.Tokens,
            ["clock"] = comparison.Clock == CostClock.Processor ? "cpu" : "wall",
            ["seconds"] = comparison.Seconds,
            ["runs_at_the_same_time"] = comparison.Parallel,
        },
        ["interval"] = new JsonObject
        {
            ["level"] = Intervals.Level,
            ["method"] = "percentile bootstrap over seeds; differences pair by pair",
        },
        ["sweep"] = comparison.Sweep,
        ["arms"] = new JsonArray([.. comparison.Arms.Select(a => (JsonNode)Arm(comparison, a))]),
        ["failures"] = new JsonArray([.. comparison.Failures.Select(f => (JsonNode)new JsonObject
        {
            ["run"] = f.Run,
            ["exit_code"] = (int)f.Code,
            ["message"] = f.Message,
        })]),
        ["tuning"] = new JsonArray([.. comparison.Trials.Select(t => (JsonNode)Trial(t))]),
    };

    private static JsonObject Arm(Comparison comparison, ComparedArm arm)
    {
        JsonObject measures = [];
        foreach (RunMeasure measure in RunMeasure.All)
        {
            measures[measure.Key] = Numbers(arm.Runs.Select(measure.Of));
        }

        return new()
        {
            ["name"] = arm.Name,
            ["base"] = arm.Base,
            ["swept"] = arm.Swept,
            ["is_control"] = arm.IsControl,
            ["seeds"] = new JsonArray([.. arm.Runs.Select(r => (JsonNode)r.Seed)]),
            ["folders"] = new JsonArray([.. arm.Runs.Select(r => (JsonNode)r.Folder.Root)]),
            ["ended"] = new JsonArray([.. arm.Runs.Select(r => (JsonNode?)r.Ended)]),
            ["collapsed_at"] = new JsonArray([.. arm.Runs.Select(r => (JsonNode?)r.CollapsedAt)]),
            ["by_tokens"] = Outcome(comparison.ByTokens(arm)),
            ["by_seconds"] = Outcome(comparison.BySeconds(arm)),
            ["unpaired"] = new JsonArray([.. comparison.Unpaired(arm).Select(w => (JsonNode)w)]),
            ["measures"] = measures,
            ["pass_at_k"] = new JsonArray([.. arm.Runs.Select(r => (JsonNode)Numbers(MeasureFiles.PassAtK(r)
                .Select(p => p.Share)))]),
            ["seconds_by_phase"] = new JsonArray([.. arm.Runs.Select(r => (JsonNode)Phases(r))]),
            ["curve"] = new JsonArray([.. arm.Runs.Select(r => (JsonNode)Curve(r))]),
        };
    }

    private static JsonObject Outcome(BudgetOutcome outcome) => new()
    {
        ["accuracy"] = Numbers(outcome.Accuracy),
        ["mean"] = Of(outcome.Mean),
        ["difference"] = outcome.Difference is { } difference ? Of(difference) : null,
        ["ended_before"] = new JsonArray([.. outcome.Early.Select(s => (JsonNode)s)]),
    };

    private static JsonObject Of(Interval interval) => new()
    {
        ["mean"] = Number(interval.Mean),
        ["low"] = Number(interval.Low),
        ["high"] = Number(interval.High),
        ["count"] = interval.Count,
    };

    private static JsonObject Trial(TuningTrial trial) => new()
    {
        ["arm"] = trial.Arm,
        ["settings"] = trial.Settings,
        ["accuracy"] = Numbers(trial.Accuracy),
        ["ended"] = new JsonArray([.. trial.Ended.Select(e => (JsonNode)e)]),
        ["chosen"] = trial.IsChosen,
    };

    private static JsonObject Phases(ComparedRun run)
    {
        JsonObject phases = [];
        foreach ((string phase, double seconds) in run.Phases)
        {
            phases[phase] = Number(seconds);
        }

        return phases;
    }

    private static JsonArray Curve(ComparedRun run) => [.. run.Accuracy.Select(p => (JsonNode)new JsonObject
    {
        ["step"] = p.Cost.Step,
        ["tokens"] = p.Cost.Tokens,
        ["seconds"] = p.Cost.Seconds,
        ["cpu_seconds"] = Number(p.Cost.ProcessorSeconds),
        ["accuracy"] = Number(p.Value),
    })];

    private static JsonArray Numbers(IEnumerable<double> values) => [.. values.Select(Number)];

    private static JsonNode? Number(double value) => double.IsFinite(value) ? value : null;
}
