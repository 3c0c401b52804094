using System.Collections.Generic;
using Tbrm.Core.Config;
using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.Bellman;

/// <summary>Options of A*-PO.</summary>
public sealed record AStarPoOptions
{
    /// <summary>Stage 2: reward units per nat of the log-ratio.</summary>
    [AllowedRange(0, 1e6, ExclusiveMinimum = true)]
    public double Beta2 { get; init; } = 1e-3;

    /// <summary>Stage 1: the temperature of V*; 0 = mean reward, below 0 = 0.</summary>
    [AllowedRange(-1e6, 1e6)]
    public double Beta1 { get; init; } = 0.5;

    /// <summary>Entropy bonus, token mean; the authors' trainer uses 0.001.</summary>
    [AllowedRange(0, 1e6)]
    public double EntropyCoeff { get; init; }
}

/// <summary>
/// A*-PO, arXiv 2505.20686. Stage 1 (<see cref="OptimalValue"/>): V*(x) = beta1 log mean exp(r/beta1) over samples of
/// the reference policy,
/// once. Stage 2: loss = sum_b w_b (beta2 (log pi(tau) - log pi_ref(tau)) + V*(x) - r)^2 - entropy_coeff H. In beta2^2
/// units it is TBRM's loss
/// with V* in place of beta V(s_1), except that the first token is like every other.
/// </summary>
public sealed class AStarPoObjective(AStarPoOptions options) : IObjective, IAlgorithmEntry
{
    /// <inheritdoc/>
    public static IReadOnlyList<Algorithm> Entries { get; } =
    [
        new()
        {
            Name = "a_star_po",
            CanWeigh = true,
            Title = "A*-PO",
            Section = "algorithm.a_star_po.",
            Aliases = ["a2po", "apo"],
            Summary = "regression of the log-ratio on the advantage over V*, estimated once from the reference",
            Paper = "arXiv 2505.20686",
            Options = typeof(AStarPoOptions),
            Objective = o => new AStarPoObjective(OptionReader.Read<AStarPoOptions>(o, "a_star_po")),
        },
    ];

    /// <inheritdoc/>
    public Needs Needs => Needs.ReferenceLogp | Needs.VStar | (options.EntropyCoeff > 0 ? Needs.Entropy : Needs.None);

    /// <inheritdoc/>
    public ObjectiveResult Evaluate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        ObjectiveResult result =
            LogRatioRegression.Evaluate(batch, batch.RefLogp, options.Beta2, b => batch.RewardOf(b) - batch.VStar[b],
            entropy: options.EntropyCoeff > 0);
        if (options.EntropyCoeff > 0)
        {
            EntropyBonus.Add(batch, result, LossAggregation.RowWeights(batch, "token-mean"), options.EntropyCoeff);
        }

        return result;
    }
}
