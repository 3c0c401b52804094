namespace Tbrm.Objectives;

/// <summary>
/// A loss over Q, V, H of response tokens (or over a critic's values): a pure function. The gradient with respect to
/// logits follows natively
/// from dz = dQ e_a + dV p + dH dH/dz, so a new objective is this one method. <c>tbrm-native objective check NAME</c>
/// compares it with finite
/// differences; what is constant for the gradient by design is read from <see cref="ObjectiveBatch.Constants"/>.
/// </summary>
public interface IObjective
{
    /// <summary>What it reads besides Q, V, the mask, the rewards and the weights.</summary>
    Needs Needs { get; }

    /// <summary>The fused native kernel that computes the same, with this objective's numbers; null when there is
    /// none.</summary>
    FusedKernel? Fused => null;

    /// <summary>
    /// Adds what depends on the whole mini-batch but not on the policy (a group's baseline), before it is cut into
    /// micro-batches.
    /// </summary>
    ObjectiveBatch Prepare(ObjectiveBatch whole) => whole;

    /// <summary>
    /// Loss and gradient of one micro-batch. The sum over micro-batches is the loss of the mini-batch, whatever the
    /// cut: weights and
    /// <see cref="ObjectiveBatch.Totals"/> carry the counts of the whole. Rows that do not count and dropped
    /// trajectories are not read.
    /// </summary>
    ObjectiveResult Evaluate(ObjectiveBatch batch);
}

/// <summary>Arguments of the fused residual kernel (tbrm.h, tbrm_residual_forward).</summary>
/// <param name="Calibrated">ReVal: V_ref(s_1) is subtracted.</param>
/// <param name="Beta">Reward units per nat, > 0.</param>
/// <param name="LossScale">Multiplies the loss.</param>
/// <param name="DetachValue">V(s_1) carries no gradient.</param>
/// <param name="FrozenValue">V(s_1) of the previous iterate stands for V(s_1).</param>
public sealed record FusedKernel(bool Calibrated, double Beta, double LossScale, bool DetachValue, bool FrozenValue);
