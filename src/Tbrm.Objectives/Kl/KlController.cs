using System;
using Tbrm.Core.Config;

namespace Tbrm.Objectives.Kl;

/// <summary>
/// The coefficient of a KL penalty in the reward: fixed, or steered towards a target as in arXiv 1909.08593 (verl's
/// <c>kl_ctrl</c>):
/// coefficient *= 1 + clip(KL/target - 1, -0.2, 0.2) * steps / horizon.
/// </summary>
/// <param name="coefficient">Where it begins.</param>
/// <param name="targetKl">The target, nats; null: the coefficient stays.</param>
/// <param name="horizon">Trajectories over which it may double, roughly.</param>
public sealed class KlController(double coefficient, double? targetKl = null, double horizon = 10_000)
{
    private const double LargestError = 0.2;

    /// <summary>As section algorithm.kl_ctrl says.</summary>
    public static KlController Of(AlgorithmConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        KlCtrlConfig control = config.KlCtrl;
        return new(control.KlCoef, control.Type == "adaptive" ? control.TargetKl : null, control.Horizon);
    }

    /// <summary>The present coefficient; a checkpoint keeps it.</summary>
    public double Coefficient { get; set; } = coefficient;

    /// <summary>Takes a step's mean KL, nats, over <paramref name="steps"/> trajectories into account. A KL that is NaN
    /// or infinite changes nothing.</summary>
    public void Update(double currentKl, double steps)
    {
        if (targetKl is { } target && double.IsFinite(currentKl))
        {
            Coefficient *= 1 + Math.Clamp(currentKl / target - 1, -LargestError, LargestError) * steps / horizon;
        }
    }
}
