using Tbrm.Core.Config;
using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.Estimators;

/// <summary>Options of generalized advantage estimation.</summary>
public sealed record GaeOptions
{
    /// <summary>Discount.</summary>
    [AllowedRange(0, 1)]
    public double Gamma { get; init; } = 1;

    /// <summary>1: the whole return minus the value; 0: one-step.</summary>
    [AllowedRange(0, 1)]
    public double Lam { get; init; } = 1;

    /// <summary>Whitens the advantages over all rows that count.</summary>
    public bool Whiten { get; init; } = true;

    /// <summary>
    /// <c>skip</c> as verl: rows that do not count are passed over, the next value is that of the next row that counts.
    /// <c>zero</c> as others:
    /// the value and the reward of such a row are 0 but time goes on.
    /// </summary>
    [AllowedWords("skip", "zero")]
    public string MaskedRows { get; init; } = "skip";
}

/// <summary>
/// GAE, arXiv 1506.02438: delta_t = r_t + gamma V_{t+1} - V_t, A_t = delta_t + gamma lambda A_{t+1}, 0 after the last
/// token; returns = A + V before
/// whitening. Peers disagree on rows in the middle that do not count (what a tool wrote): verl passes over them.
/// </summary>
public sealed class GaeEstimator(GaeOptions options) : IAdvantageEstimator, IEstimatorEntry
{
    /// <inheritdoc/>
    public static Estimator Entry { get; } = new()
    {
        Name = "gae",
        IsDefault = true,
        Summary = "advantages from a critic's values",
        Paper = "arXiv 1506.02438",
        Options = typeof(GaeOptions),
        Create = o => new GaeEstimator(OptionReader.Read<GaeOptions>(o, "gae")),
    };

    /// <inheritdoc/>
    public Needs Needs => Needs.Values;

    /// <inheritdoc/>
    public AdvantageEstimate Estimate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        double[] rewards = TokenRewards.Of(batch), advantages = new double[batch.RowCount],
            returns = new double[batch.RowCount];
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            (int begin, int end) = batch.Actions(b);
            double nextValue = 0, next = 0;
            for (int i = end - 1; i >= begin; i--)
            {
                if (batch.Counts(i))
                {
                    advantages[i] = next = rewards[i] + options.Gamma * nextValue - batch.Values[i]
                        + options.Gamma * options.Lam * next;
                    returns[i] = advantages[i] + batch.Values[i];
                    nextValue = batch.Values[i];
                }
                else if (options.MaskedRows == "zero")
                {
                    next = options.Gamma * nextValue + options.Gamma * options.Lam * next;
                    nextValue = 0;
                }
            }
        }

        return new(options.Whiten ? Whitening.Of(batch, advantages) : advantages, returns);
    }
}
