using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Engine.Models;
using Tbrm.Training.Runs;
using Tbrm.Training.Sessions;

namespace Tbrm.Training.Recorders;

/// <summary>summary.json: what came of a run.</summary>
internal static class RunSummary
{
    /// <summary>The run reached its last step.</summary>
    public const string Finished = "finished";

    /// <summary>It came to nothing, because something was not finite.</summary>
    public const string NonFinite = "non_finite";

    public static void Write(OpenRun run, RunPosition position, string? ended, long totalSteps,
        IReadOnlyList<RunWarning> warnings)
    {
        TrainingSession session = run.Session;
        RunState state = position.State;
        RunConfig config = session.Config;
        JsonObject phases = [];
        foreach ((string phase, double total) in position.Clock.Totals)
        {
            phases[phase] = total;
        }

        JsonObject summary = new()
        {
            ["verb"] = state.Verb,
            ["finished"] = ended == Finished,
            ["ended"] = ended,
            ["val_before"] = state.ValBefore,
            ["val_after"] = state.LastAccuracy,
            ["val_best"] = state.BestAccuracy,
            ["best_step"] = state.BestStep,
            ["steps"] = state.Step,
            ["total_steps"] = totalSteps,
            ["wall_s"] = position.Clock.Seconds,
            ["timing_s"] = phases,
            ["algorithm"] = state.Verb == RunState.Sft ? RunState.Sft : config.Algorithm.Name,
            ["seed"] = config.Trainer.Seed,
            ["model"] = Model(session.Policy),
            ["updates"] = state.Updates,
            ["computed_on"] = new JsonArray([.. run.ComputedOn.Select(c => (JsonNode)c.ToJson())]),
            ["device"] = JsonNode.Parse(session.Device.Description),
            ["command"] = Command,
            ["version"] = ProgramVersion.Text,
            ["warnings"] = new JsonArray([.. warnings.Select(w => (JsonNode)w.ToJson())]),
        };
        if (state.Verb == RunState.Sft)
        {
            (summary["val_loss_before"], summary["val_loss_after"], summary["val_loss_best"]) =
                (Finite(state.LossBefore), Finite(state.LastLoss), Finite(state.BestLoss));
        }

        RunFolder.WriteJson(run.Folder.SummaryPath, summary);
    }

    /// <summary>The command line of this process, words with blanks in quotes.</summary>
    private static string Command =>
        string.Join(' ', Environment.GetCommandLineArgs()
        .Select((word, i) => i == 0 ? Path.GetFileNameWithoutExtension(word)
        : word.Any(char.IsWhiteSpace) || word.Length == 0 ? $"'{word}'" : word));

    /// <summary>JSON has no word for what is not finite.</summary>
    private static double? Finite(double? value) => value is { } v && double.IsFinite(v) ? v : null;

    private static JsonObject Model(Policy policy)
    {
        ModelArchitecture a = policy.Architecture;
        return new()
        {
            ["architecture"] = a.Name,
            ["parameters"] = a.ParameterCount,
            ["layers"] = a.Layers,
            ["hidden_size"] = a.HiddenSize,
            ["heads"] = a.Heads,
            ["key_value_heads"] = a.KeyValueHeads,
            ["vocab_size"] = a.VocabSize,
            ["dtype"] = policy.Options.Bf16 ? "bf16" : "fp32",
            ["adapter"] = policy.Adapter is not { } adapter ? null : new JsonObject
            {
                ["rank"] = adapter.Rank,
                ["scale"] = adapter.Scale,
                ["target_modules"] = new JsonArray([.. adapter.TargetNames.Select(n => (JsonNode)n)]),
                ["parameters"] = adapter.ParameterCount(a),
            },
        };
    }
}
