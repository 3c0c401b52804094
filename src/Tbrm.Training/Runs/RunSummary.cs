using System.Text.Json.Nodes;
using Tbrm.Core;

namespace Tbrm.Training;

/// <summary>summary.json: what came of a run.</summary>
internal static class RunSummary
{
    public static void Write(RunFolder folder, RunConfig config, RunState state, double? accuracy, double seconds, PhaseClock clock, bool finished)
    {
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
        });
    }
}
