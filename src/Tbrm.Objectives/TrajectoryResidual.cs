using System;

namespace Tbrm.Objectives;

/// <summary>
/// The squared trajectory Bellman residual, shared by TBRM and ReVal:
/// <code>
/// f_b  = V_1 [- V_ref,1] + sum_h (Q_h - V_h - log pi_ref,h) - r_b / beta [- V_{H+1}]
/// loss = loss_scale sum_b w_b f_b^2,   c_b = 2 loss_scale w_b f_b
/// dQ_h = c_b;  dV_h = -c_b for h >= 2;  dV_1 = 0: the +1 of V_1 cancels the -1 of log pi_1 (-c_b when V_1 is detached)
/// </code>
/// This is the oracle of the fused native kernel (tbrm.h, tbrm_residual_forward); docs/math/residual.md derives it.
/// </summary>
internal static class TrajectoryResidual
{
    public static ObjectiveResult Evaluate(ObjectiveBatch batch, double beta, double lossScale, bool detachValue, bool subtractReferenceValue)
    {
        batch.Check(needsReference: true, needsReferenceValue: subtractReferenceValue);
        ObjectiveResult result = new(batch.RowCount, entropy: false) { Residual = new double[batch.TrajectoryCount] };
        double firstValue = 0, logRatio = 0;
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            int begin = (int)batch.RowOffsets[b], end = (int)batch.RowOffsets[b + 1];
            if (begin == end)
            {
                continue;
            }

            bool bootstrap = batch.Bootstrap.Length > 0 && batch.Bootstrap[b];
            int actions = bootstrap ? end - 1 : end;
            double rho = 0; // log pi(tau) - log pi_ref(tau), nats
            for (int i = begin; i < actions; i++)
            {
                rho += (double)batch.Q[i] - batch.V[i] - batch.RefLogp[i];
            }

            double f = batch.V[begin] + rho - batch.Reward[b] / beta
                - (subtractReferenceValue ? batch.RefV1[b] : 0) - (bootstrap ? batch.V[end - 1] : 0);
            result.Residual[b] = f;
            result.Loss += lossScale * batch.Weight[b] * f * f;
            firstValue += batch.V[begin];
            logRatio += rho;

            float c = (float)(2 * lossScale * batch.Weight[b] * f);
            result.DQ.AsSpan(begin, actions - begin).Fill(c);
            result.DV.AsSpan(begin, end - begin).Fill(-c);
            // Where a response has no action at all (bootstrap row alone), V_1 and V_{H+1} are the same number and cancel.
            result.DV[begin] = detachValue ? -c : 0;
        }

        result.Sums["actor/v_s1/mean"] = firstValue;
        result.Sums["actor/logprob_ratio_ref/mean"] = logRatio;
        return result;
    }
}
