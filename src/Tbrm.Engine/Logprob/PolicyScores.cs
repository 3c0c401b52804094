using System;
using Tbrm.Engine.Models;
using Tbrm.Interop;
using Tbrm.Interop.Stages;

namespace Tbrm.Engine.Logprob;

/// <summary>Q, V, H of the rows of a batch, nats; H is empty unless it was asked for.</summary>
public sealed record Scores(float[] Q, float[] V, float[] H)
{
    /// <summary>log pi of row r, rounded as the rollout rounds it.</summary>
    public float Logp(int row) => Q[row] - V[row];
}

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

/// <summary>Inputs of the fused residual kernel; arrays as in tbrm_residual_args_t.</summary>
public sealed record FusedResidual
{
    /// <summary>ReVal instead of TBRM.</summary>
    public required bool CalibratedByReference { get; init; }

    /// <summary>Reward units per nat.</summary>
    public required double Beta { get; init; }

    /// <summary>Multiplies the loss.</summary>
    public required double LossScale { get; init; }

    /// <summary>V(s_1) carries no gradient.</summary>
    public required bool DetachValue { get; init; }

    /// <summary>[R].</summary>
    public required float[] RefLogp { get; init; }

    /// <summary>[B], or empty for TBRM.</summary>
    public required float[] RefV1 { get; init; }

    /// <summary>[B].</summary>
    public required double[] Reward { get; init; }

    /// <summary>[B].</summary>
    public required double[] Weight { get; init; }

    /// <summary>[B], or empty.</summary>
    public required int[] Bootstrap { get; init; }

    /// <summary>[B], or empty: stands for V(s_1) and carries no gradient.</summary>
    public float[] VFrozen { get; init; } = [];

    /// <summary>[B], or empty for TBRM: V_ref(s_{H+1}) where Bootstrap is 1.</summary>
    public float[] RefVEnd { get; init; } = [];
}
