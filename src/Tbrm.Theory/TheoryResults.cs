using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Theory.Experiments;

namespace Tbrm.Theory;

/// <summary>What the papers claim, computed on trees of tokens that are small enough to be summed over.</summary>
/// <param name="Convergence">L-BFGS reaches pi*.</param>
/// <param name="Adam">What Adam leaves.</param>
/// <param name="Horizon">Updates against H.</param>
/// <param name="Members">The bandit of two functions.</param>
/// <param name="Coverage">Suboptimality against concentrability.</param>
/// <param name="Staleness">Data of an older policy.</param>
public sealed record TheoryResults(IReadOnlyList<ConvergenceRow> Convergence, IReadOnlyList<ResidueRow> Adam,
    IReadOnlyList<HorizonRow> Horizon, IReadOnlyList<MemberRow> Members, IReadOnlyList<CoverageRow> Coverage,
    IReadOnlyList<StalenessRow> Staleness)
{
    /// <summary>Computes all of it: seconds on one core, the same bits every time.</summary>
    public static TheoryResults Run() => new(Experiments.Convergence.Run(), AdamResidue.Run(), HorizonCost.Run(),
        TwoMembers.Run(), Experiments.Coverage.Run(), Experiments.Staleness.Run());

    /// <summary>The greatest KL(pi* || pi) that L-BFGS ended with, nats.</summary>
    public double WorstKl => Convergence.Max(r => r.KlAfter);

    /// <summary>The rows under the names of their parts.</summary>
    public JsonObject ToJson() => new()
    {
        ["convergence"] = Rows(Convergence, r => new()
        {
            ["algorithm"] = r.Algorithm,
            ["beta"] = r.Beta,
            ["skew"] = r.Skew,
            ["kl_before"] = r.KlBefore,
            ["kl_after"] = r.KlAfter,
            ["evaluations"] = r.Evaluations,
        }),
        ["adam"] = Rows(Adam, r => new()
        {
            ["algorithm"] = r.Algorithm,
            ["lr"] = r.Rate,
            ["beta"] = AdamResidue.Beta,
            ["updates"] = AdamResidue.Updates,
            ["least_kl"] = r.Least,
            ["residue"] = r.Residue,
        }),
        ["horizon"] = Rows(Horizon, r => new()
        {
            ["algorithm"] = r.Algorithm,
            ["horizon"] = r.Horizon,
            ["adam_updates"] = r.AdamUpdates,
            ["lr"] = r.Rate,
            ["lbfgs_evaluations"] = r.Evaluations,
        }),
        ["two_members"] = Rows(Members, r => new()
        {
            ["q"] = new JsonArray([.. r.Q.Select(q => (JsonNode)q)]),
            ["tbrm_loss"] = r.Trained,
            ["iterative_loss"] = r.Frozen,
            ["suboptimality"] = r.Suboptimality,
        }),
        ["coverage"] = new JsonObject
        {
            ["slope"] = Experiments.Coverage.Slope(Coverage),
            ["theorem_slope"] = Experiments.Coverage.TheoremSlope,
            ["rows"] = Rows(Coverage, r => new()
            {
                ["tilt"] = r.Tilt,
                ["concentrability"] = r.Concentrability,
                ["concentrability_of_optimal"] = r.OfOptimal,
                ["loss"] = r.Loss,
                ["suboptimality"] = r.Suboptimality,
                ["bound"] = r.Bound,
            }),
        },
        ["staleness"] = Rows(Staleness, r => new()
        {
            ["algorithm"] = r.Algorithm,
            ["lag"] = r.Lag,
            ["updates"] = r.Updates,
            ["greatest_kl"] = r.Most,
            ["kl_after"] = r.KlAfter,
        }),
    };

    private static JsonArray Rows<T>(IReadOnlyList<T> rows, System.Func<T, JsonObject> row) =>
        [.. rows.Select(r => (JsonNode)row(r))];
}
