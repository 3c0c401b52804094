using System;
using Tbrm.Engine.Logprob;
using Tbrm.Interop;
using Tbrm.Interop.Stages;

namespace Tbrm.Engine.Models;

/// <summary>The logprob and gradient stages of a policy.</summary>
public static class PolicyScores
{
    /// <summary>Scores a batch; with <paramref name="keep"/>, <see cref="Backward"/> may follow.</summary>
    public static Scores LogProb(this Policy policy, PackedBatch batch, float temperature, bool keep = false,
        bool entropy = false)
    {
        Scores scores = new(
            new float[batch.RowCount], new float[batch.RowCount], entropy ? new float[batch.RowCount] : []);
        NativeFailures.Translated("logprob", () =>
            Interop.Stages.LogProb.Forward(policy.Model, batch.Native(temperature), keep, scores.Q, scores.V,
                scores.H));
        return scores;
    }

    /// <summary>Adds to the gradients what follows from dL/dQ, dL/dV and (unless empty) dL/dH of the batch that was
    /// kept.</summary>
    public static void Backward(this Policy policy, ReadOnlySpan<float> dq, ReadOnlySpan<float> dv,
        ReadOnlySpan<float> dh)
    {
        try
        {
            Gradient.Backward(policy.Model, dq, dv, dh);
        }
        catch (TbrmNativeException e)
        {
            throw e.ToUser("gradient");
        }
    }

    /// <summary>Scores a batch and accumulates the gradient of the trajectory residual, natively; returns scores,
    /// residuals and the loss.</summary>
    public static (Scores Scores, float[] Residual, double Loss) ResidualGradient(this Policy policy, PackedBatch batch,
        float temperature,
        FusedResidual residual)
    {
        Scores scores = new(new float[batch.RowCount], new float[batch.RowCount], []);
        float[] f = new float[batch.RowOffsets.Length - 1];
        try
        {
            ResidualArgs args = new()
            {
                Kind = residual.CalibratedByReference ? ResidualKind.Reval : ResidualKind.Tbrm,
                Beta = residual.Beta,
                LossScale = residual.LossScale,
                DetachValue = residual.DetachValue,
                RowOffsets = batch.RowOffsets,
                RefLogp = residual.RefLogp,
                RefV1 = residual.RefV1,
                Reward = residual.Reward,
                Weight = residual.Weight,
                Bootstrap = residual.Bootstrap,
                VFrozen = residual.VFrozen,
                RefVEnd = residual.RefVEnd,
            };
            double loss = Gradient.Fused(policy.Model, batch.Native(temperature), args, scores.Q, scores.V, f);
            return (scores, f, loss);
        }
        catch (TbrmNativeException e)
        {
            throw e.ToUser("residual and gradient");
        }
    }
}
