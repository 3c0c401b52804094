using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Text.Json.Nodes;
using Tbrm.Core;
using Tbrm.Engine;

namespace Tbrm.Training;

/// <summary>summary.json: what came of a run.</summary>
internal static class RunSummary
{
    public static void Write(RunFolder folder, TrainingSession session, RunState state, double? accuracy, double seconds, PhaseClock clock, bool finished,
        IReadOnlyList<RunWarning> warnings)
    {
        RunConfig config = session.Config;
        JsonObject phases = [];
        foreach ((string phase, double total) in clock.Totals)
        {
            phases[phase] = total;
        }

        RunFolder.WriteJson(folder.SummaryPath, new JsonObject
        {
            ["finished"] = finished,
            ["val_before"] = state.ValBefore,
            ["val_after"] = accuracy,
            ["val_best"] = state.BestAccuracy,
            ["best_step"] = state.BestStep,
            ["steps"] = state.Step,
            ["wall_s"] = seconds,
            ["timing_s"] = phases,
            ["algorithm"] = config.Algorithm.Name,
            ["seed"] = config.Trainer.Seed,
            ["model"] = Model(session.Policy),
            ["device"] = JsonNode.Parse(session.Device.Description),
            ["version"] = Version,
            ["warnings"] = new JsonArray([.. warnings.Select(w => (JsonNode)w.ToJson())]),
        });
    }

    /// <summary>Version and commit that this program was built from.</summary>
    private static string Version =>
        typeof(RunSummary).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";

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
