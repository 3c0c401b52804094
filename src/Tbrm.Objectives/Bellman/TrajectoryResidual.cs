namespace Tbrm.Objectives.Bellman;

/// <summary>
/// The squared trajectory Bellman residual, shared by TBRM and ReVal:
/// <code>
/// f_b  = V_1 [- V_ref,1] + sum_h (log pi_h - log pi_ref,h) - r_b / beta [- (V_{H+1} [- V_ref,H+1])]
/// loss = scale sum_b w_b f_b^2,   c_b = 2 scale w_b f_b
/// dQ_h = c_b;  dV_h = -c_b for h >= 2;  dV_1 = 0: the +1 of V_1 cancels the -1 of log pi_1 (-c_b when V_1 is detached
/// or frozen)
/// </code>
/// Rows that do not count (what a tool wrote) are no actions: h = 1 is the first row that counts. This is the oracle of
/// the fused native
/// kernel (tbrm.h, tbrm_residual_forward); docs/math/residual.md derives it.
/// </summary>
internal static class TrajectoryResidual
{
    public static ObjectiveResult Evaluate(ObjectiveBatch batch, FusedKernel kernel)
    {
        ObjectiveResult result = new(batch.RowCount) { Residual = new double[batch.TrajectoryCount] };
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            (int begin, int end) = batch.Actions(b);
            int first = FirstAction(batch, begin, end);
            if (first == end)
            {
                continue;
            }

            double rho = LogRatio(batch, begin, end);
            double f = rho + FirstValue(batch, kernel, b, first) - batch.RewardOf(b) / kernel.Beta;
            f -= batch.IsBootstrapped(b)
                ? batch.V[end] - (kernel.Calibrated && batch.RefVEnd.Length > 0 ? batch.RefVEnd[b] : 0) : 0;
            result.Residual[b] = f;
            if (batch.IsDropped(b))
            {
                continue;
            }

            double weight = kernel.LossScale * batch.WeightOf(b);
            result.Loss += weight * f * f;
            Differentiate(batch, kernel, result, b, 2 * weight * f);
            result.Metrics.AddMean("actor/v_s1/mean", batch.V[first], 1);
            result.Metrics.AddMean("actor/logprob_ratio_ref/mean", rho, 1);
        }

        return result;
    }

    /// <summary>The first row that counts; <paramref name="end"/> when there is none.</summary>
    public static int FirstAction(ObjectiveBatch batch, int begin, int end)
    {
        while (begin < end && !batch.Counts(begin))
        {
            begin++;
        }

        return begin;
    }

    /// <summary>Whether trajectory b has a row that counts.</summary>
    public static bool HasAction(ObjectiveBatch batch, int b)
    {
        (int begin, int end) = batch.Actions(b);
        return FirstAction(batch, begin, end) < end;
    }

    /// <summary>log pi(tau) - log pi_ref(tau), nats.</summary>
    public static double LogRatio(ObjectiveBatch batch, int begin, int end)
    {
        double rho = 0;
        for (int i = begin; i < end; i++)
        {
            rho += batch.Counts(i) ? batch.LogPi(i) - batch.RefLogp[i] : 0;
        }

        return rho;
    }

    /// <summary>Equal values of policy and reference meet first, so that they cancel before anything is
    /// rounded.</summary>
    private static double FirstValue(ObjectiveBatch batch, FusedKernel kernel, int b, int first) =>
        (kernel.FrozenValue ? batch.VFrozen[b] : kernel.DetachValue ? batch.Constants.V[first]
            : batch.V[first]) - (kernel.Calibrated ? batch.RefV1[b] : 0);

    private static void Differentiate(ObjectiveBatch batch, FusedKernel kernel, ObjectiveResult result, int b, double c)
    {
        (int begin, int end) = batch.Actions(b);
        int first = FirstAction(batch, begin, end);
        for (int i = first; i < end; i++)
        {
            if (batch.Counts(i))
            {
                result.DQ[i] = c;
                result.DV[i] = i == first && !kernel.DetachValue && !kernel.FrozenValue ? 0 : -c;
            }
        }

        if (batch.IsBootstrapped(b))
        {
            result.DV[end] = -c;
        }
    }
}
