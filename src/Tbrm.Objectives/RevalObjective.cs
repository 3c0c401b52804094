namespace Tbrm.Objectives;

/// <summary>
/// ReVal, arXiv 2603.23355, Eq. 2: TBRM's residual calibrated by the reference's value of the first state, so that f = -r/beta where the
/// policy is the reference.
/// </summary>
/// <param name="beta">Reward units per nat, > 0.</param>
/// <param name="lossScale">1, or beta^2.</param>
/// <param name="detachValue">V(s_1) carries no gradient (the paper's Eq. 4 reads so; its Eq. 2 does not).</param>
public sealed class RevalObjective(double beta, double lossScale = 1, bool detachValue = false) : IObjective
{
    /// <inheritdoc/>
    public string Name => "reval";

    /// <inheritdoc/>
    public ObjectiveNeeds Needs => new(ReferenceLogp: true, ReferenceValue: true);

    /// <inheritdoc/>
    public ObjectiveResult Evaluate(ObjectiveBatch batch) =>
        TrajectoryResidual.Evaluate(batch, beta, lossScale, detachValue, subtractReferenceValue: true);
}
