using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.Bellman;

/// <summary>Options of REBEL.</summary>
public sealed record RebelOptions
{
    /// <summary>Nats per reward unit.</summary>
    [AllowedRange(0, 1e9, ExclusiveMinimum = true)]
    public double Eta { get; init; } = 1;

    /// <summary>What the ratio is to: the reference (<c>ref</c>), or the policy before the update (<c>old</c>, the
    /// paper's pi_t).</summary>
    [AllowedWords("ref", "old")]
    public string Ratio { get; init; } = "ref";
}

/// <summary>
/// REBEL, arXiv 2404.16767: loss = mean over pairs (y, y') of samples of one prompt of ((rho(y) - rho(y'))/eta - (r(y)
/// - r(y')))^2 with rho = log
/// pi - log pi_t. With more than two samples per prompt, every pair counts once. The weight of a pair is 1 over the
/// number of pairs of the
/// batch: a prompt with more samples counts more.
/// </summary>
public sealed class RebelObjective(RebelOptions options) : IObjective, IAlgorithmEntry
{
    /// <inheritdoc/>
    public static IReadOnlyList<Algorithm> Entries { get; } =
    [
        new()
        {
            Name = "rebel",
            Summary = "regression of differences of log-ratios on differences of rewards, over pairs of a group",
            Paper = "arXiv 2404.16767",
            Options = typeof(RebelOptions),
            Objective = o => new RebelObjective(OptionReader.Read<RebelOptions>(o, "rebel")),
        },
    ];

    /// <inheritdoc/>
    public Needs Needs =>
        (options.Ratio == "ref" ? Needs.ReferenceLogp : Needs.OldLogp) | Needs.Groups | Needs.WholeBatch;

    /// <inheritdoc/>
    public ObjectiveResult Evaluate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        ObjectiveResult result = new(batch.RowCount);
        double[] baseline = options.Ratio == "ref" ? batch.RefLogp : batch.OldLogp;
        int[][] groups = [.. Groups.Of(batch)
            .Select(g => g.Where(b => TrajectoryResidual.HasAction(batch, b)).ToArray())];
        long pairs = groups.Sum(g => g.Length * (g.Length - 1L) / 2);
        foreach (int[] members in groups)
        {
            double[] rho = [.. members.Select(b => LogRatioRegression.LogRatio(batch, baseline, b))];
            double[] d = new double[members.Length];
            for (int i = 0; i < members.Length; i++)
            {
                for (int j = i + 1; j < members.Length; j++)
                {
                    double f = (rho[i] - rho[j]) / options.Eta - (
                        batch.RewardOf(members[i]) - batch.RewardOf(members[j]));
                    result.Loss += f * f / pairs;
                    d[i] += 2 * f / options.Eta / pairs;
                    d[j] -= 2 * f / options.Eta / pairs;
                }
            }

            for (int i = 0; i < members.Length; i++)
            {
                LogRatioRegression.AddToEveryAction(batch, result, members[i], d[i]);
            }
        }

        return result;
    }
}
