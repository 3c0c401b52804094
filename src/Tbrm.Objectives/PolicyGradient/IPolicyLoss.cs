using System.Collections.Generic;

namespace Tbrm.Objectives.PolicyGradient;

/// <summary>
/// A policy-gradient loss per token, verl's <c>policy_loss.loss_mode</c>. What is common to all (aggregation, entropy
/// bonus, KL to the
/// reference, importance weights of the rollout) is <see cref="PolicyGradientObjective"/>'s.
/// </summary>
public interface IPolicyLoss
{
    /// <summary>What it reads besides log pi and advantages.</summary>
    Needs Needs => Needs.OldLogp;

    /// <summary>The same, with options that ask for more.</summary>
    Needs NeedsWith(PolicyLossOptions options) => Needs;

    /// <summary>The means per token that it reports.</summary>
    IReadOnlyList<string> Metrics => ["actor/pg_clipfrac", "actor/ppo_kl", "actor/pg_clipfrac_lower"];

    /// <summary>The aggregation where loss_agg_mode is not given.</summary>
    string Aggregation => "token-mean";

    /// <summary>Fills loss and derivative of the rows that count.</summary>
    void Evaluate(ObjectiveBatch batch, PolicyLossOptions options, PolicyLossRows rows);
}

/// <summary>
/// Loss and derivative of every row before aggregation: loss = sum_i w_i Loss_i and d loss / d log pi_i = w_i
/// Derivative_i, where w_i is the
/// row's weight (equal within a trajectory) times its importance weight.
/// </summary>
public sealed class PolicyLossRows(int rows)
{
    /// <summary>[R].</summary>
    public double[] Loss { get; } = new double[rows];

    /// <summary>[R].</summary>
    public double[] Derivative { get; } = new double[rows];

    /// <summary>Further numbers.</summary>
    public ObjectiveMetrics Metrics { get; } = new();
}

/// <summary>A class with a policy loss: the table of losses finds it by itself.</summary>
public interface IPolicyLossEntry
{
    /// <summary>The word for <c>policy_loss.loss_mode</c>.</summary>
    static abstract string LossMode { get; }

    /// <summary>One line for help and documents.</summary>
    static abstract string Summary { get; }

    /// <summary>Where it was published.</summary>
    static abstract string Paper { get; }
}
