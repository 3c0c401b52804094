namespace Tbrm.Objectives;

/// <summary>
/// Classical token-level Bellman residual minimization, the ablation of arXiv 2505.15311 (Eq. 3):
/// <code>
/// g_h = Q_h - log pi_ref,h - 1[h=H] r/beta - 1[h&lt;H] V_{h+1};   loss = loss_scale sum_b w_b sum_h g_h^2
/// dQ_h = 2 w g_h;  dV_h = -2 w g_{h-1} for h >= 2 (0 when the next state's value is not followed)
/// </code>
/// sum_h g_h is TBRM's residual: the sum telescopes.
/// </summary>
/// <param name="beta">Reward units per nat, > 0.</param>
/// <param name="lossScale">1, or beta^2.</param>
/// <param name="stopGradientNext">V(s_{h+1}) carries no gradient: single-step soft Q-learning instead of BRM.</param>
public sealed class BrmObjective(double beta, double lossScale = 1, bool stopGradientNext = false) : IObjective
{
    /// <inheritdoc/>
    public string Name => "brm";

    /// <inheritdoc/>
    public ObjectiveNeeds Needs => new(ReferenceLogp: true);

    /// <inheritdoc/>
    public ObjectiveResult Evaluate(ObjectiveBatch batch)
    {
        batch.Check(needsReference: true, needsReferenceValue: false);
        ObjectiveResult result = new(batch.RowCount, entropy: false) { Residual = new double[batch.TrajectoryCount] };
        double firstValue = 0;
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            int begin = (int)batch.RowOffsets[b], end = (int)batch.RowOffsets[b + 1];
            bool bootstrap = batch.Bootstrap.Length > 0 && batch.Bootstrap[b];
            int actions = bootstrap ? end - 1 : end;
            double weight = lossScale * batch.Weight[b];
            for (int i = begin; i < actions; i++)
            {
                bool last = i == actions - 1;
                double next = last ? (bootstrap ? batch.V[i + 1] : 0) + batch.Reward[b] / beta : batch.V[i + 1];
                double g = batch.Q[i] - (double)batch.RefLogp[i] - next;
                result.Residual[b] += g;
                result.Loss += weight * g * g;
                result.DQ[i] = (float)(2 * weight * g);
                if (!stopGradientNext && (!last || bootstrap))
                {
                    result.DV[i + 1] = (float)(-2 * weight * g);
                }
            }

            firstValue += end > begin ? batch.V[begin] : 0;
        }

        result.Sums["actor/v_s1/mean"] = firstValue;
        return result;
    }
}
