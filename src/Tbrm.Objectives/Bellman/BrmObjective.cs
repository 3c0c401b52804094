using System.Collections.Generic;
using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.Bellman;

/// <summary>
/// Classical token-level Bellman residual minimization, the ablation of arXiv 2505.15311 (Eq. 3):
/// <code>
/// g_h = Q_h - log pi_ref,h - 1[h=H] r/beta - 1[h&lt;H] V_{h+1};   loss = scale sum_b w_b sum_h g_h^2
/// dQ_h = 2 w g_h;  dV_h = -2 w g_{h-1} for h >= 2 (0 when the next state's value is not followed)
/// </code>
/// sum_h g_h is TBRM's residual: the sum telescopes. Whether the paper sums or averages over h is lost with its display
/// formula; the sum has
/// TBRM's scale. A response that was cut off at s_{H+1} ends with V_{H+1}. <c>stop_grad_next</c> gives single-step soft
/// Q-learning.
/// </summary>
public sealed class BrmObjective(BellmanOptions options) : IObjective, IAlgorithmEntry
{
    /// <inheritdoc/>
    public static IReadOnlyList<Algorithm> Entries { get; } =
    [
        new()
        {
            Name = "brm",
            Title = "BRM",
            Section = BellmanOptions.Section,
            CanBootstrap = true,
            CanWeigh = true,
            Summary = "squared Bellman residual of every token: the ablation of the TBRM paper",
            Paper = "arXiv 2505.15311, Eq. 3",
            Options = typeof(BellmanOptions),
            Objective = o => new BrmObjective(OptionReader.Read<BellmanOptions>(o, "brm")),
        },
    ];

    /// <inheritdoc/>
    public Needs Needs => Needs.Logits | Needs.ReferenceLogp;

    /// <inheritdoc/>
    public ObjectiveResult Evaluate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        ObjectiveResult result = new(batch.RowCount) { Residual = new double[batch.TrajectoryCount] };
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            Add(batch, result, b);
        }

        return result;
    }

    private double[] NextValues(ObjectiveBatch batch) => options.StopGradNext ? batch.Constants.V : batch.V;

    private void Add(ObjectiveBatch batch, ObjectiveResult result, int b)
    {
        (int begin, int end) = batch.Actions(b);
        int first = TrajectoryResidual.FirstAction(batch, begin, end);
        double weight = batch.IsDropped(b) ? 0 : options.Scale() * batch.WeightOf(b);
        for (int i = first; i < end;)
        {
            int next = TrajectoryResidual.FirstAction(batch, i + 1, end);
            bool follows = next < end || batch.IsBootstrapped(b);
            double g = batch.Q[i] - batch.RefLogp[i] - (next == end ? batch.RewardOf(b) / options.Beta : 0) - (
                follows ? NextValues(batch)[next] : 0);
            result.Residual[b] += g;
            if (weight != 0)
            {
                result.Loss += weight * g * g;
                result.DQ[i] = 2 * weight * g;
                if (follows && !options.StopGradNext)
                {
                    result.DV[next] = -2 * weight * g;
                }
            }

            i = next;
        }

        if (first < end && weight != 0)
        {
            result.Metrics.AddMean("actor/v_s1/mean", batch.V[first], 1);
            result.Metrics.AddMean("actor/logprob_ratio_ref/mean", TrajectoryResidual.LogRatio(batch, begin, end), 1);
        }
    }
}
