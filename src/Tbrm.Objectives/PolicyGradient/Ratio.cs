using System;

namespace Tbrm.Objectives.PolicyGradient;

/// <summary>What the losses share: the clamped ratio pi / pi_old, and the metrics that verl reports.</summary>
internal static class Ratio
{
    private const double LargestExponent = 20;

    /// <summary>exp(log pi - log pi_old) with the exponent clamped to +-20, its derivative by log pi (0 where clamped),
    /// and the clamped exponent.</summary>
    public static (double Value, double Derivative, double Log) Of(ObjectiveBatch batch, int i)
    {
        double log = batch.LogPi(i) - batch.OldLogp[i], clamped = Math.Clamp(log, -LargestExponent, LargestExponent);
        double ratio = Math.Exp(clamped);
        return (ratio, clamped == log ? ratio : 0, clamped);
    }

    /// <summary>The larger of -A ratio and -A clip(ratio), its derivative, and whether the clipped one was
    /// larger.</summary>
    public static (double Loss, double Derivative, bool Clipped) Pessimistic(double advantage, double ratio,
        double derivative, PolicyLossOptions options)
    {
        double plain = -advantage * ratio, bounded = Math.Clamp(ratio, 1 - options.Low, 1 + options.High);
        double clipped = -advantage * bounded;
        // A NaN on either side is passed on.
        return clipped > plain ? (clipped, bounded == ratio ? -advantage * derivative : 0, true)
            : (plain, -advantage * derivative, false);
    }
}
