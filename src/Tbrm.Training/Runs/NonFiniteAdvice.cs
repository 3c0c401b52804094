using System;
using System.Globalization;
using Tbrm.Core.Config;

namespace Tbrm.Training.Runs;

/// <summary>What to try when logits, loss or gradient are not finite.</summary>
internal static class NonFiniteAdvice
{
    /// <summary>What to try when a phase's first steps find logits that are not finite: its own settings are not to
    /// blame.</summary>
    public static string BeforeFirstUpdate(string phase, RunConfig config) => true switch
    {
        _ when config.Model.Path.Length > 0 =>
            $"This run has not changed the weights yet: those of model.path ({config.Model.Path}) are damaged, or too "
                + $"large for model.dtype={config.Model.Dtype}",
        _ when phase == RunState.Train
            && config.Sft.TotalTrainingSteps > 0 =>
            $"No step has changed the weights since the warm start, which destroyed them. {ForWarmStart(config)}",
        _ => string.Create(CultureInfo.InvariantCulture,
            $"No step has changed the weights yet: random ones as large as "
                + $"model.scratch.initializer_range={config.Model.Scratch.InitializerRange} are too large"),
    };

    /// <summary>What to try when the warm start destroyed the weights.</summary>
    public static string ForWarmStart(RunConfig config) =>
        FormattableString.Invariant($"Lower sft.optim.lr (it is {config.Sft.Optim.Lr}), or lengthen its warm-up");
}
