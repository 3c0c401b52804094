namespace Tbrm.Objectives;

/// <summary>What an estimator says of a batch.</summary>
/// <param name="Advantages">Reward units (or standard deviations), [R]; 0 in rows that do not count.</param>
/// <param name="Returns">What a critic would regress on, [R].</param>
public sealed record AdvantageEstimate(double[] Advantages, double[] Returns);

/// <summary>From rewards (and values, groups, a baseline) to the advantage of every token. Evaluated once, over all
/// trajectories of a step.</summary>
public interface IAdvantageEstimator
{
    /// <summary>What it reads besides rewards and the mask.</summary>
    Needs Needs { get; }

    /// <summary>Whether a group of one response has an advantage, where groups are compared.</summary>
    bool TakesGroupsOfOne => false;

    /// <summary>Advantages and returns of every row.</summary>
    AdvantageEstimate Estimate(ObjectiveBatch batch);
}
