namespace Tbrm.Objectives;

/// <summary>
/// Trajectory Bellman Residual Minimization, arXiv 2505.15311, Algorithm 1: one squared residual per trajectory, the raw logit of the
/// first token in place of its log-probability, a fixed reference policy.
/// </summary>
/// <param name="beta">Reward units per nat, > 0; the paper uses 0.002.</param>
/// <param name="lossScale">1, or beta^2 for the loss in reward units (same minimiser, other interaction with clipping).</param>
/// <param name="detachValue">V(s_1) carries no gradient; false in the paper.</param>
public sealed class TbrmObjective(double beta, double lossScale = 1, bool detachValue = false) : IObjective
{
    /// <inheritdoc/>
    public string Name => "tbrm";

    /// <inheritdoc/>
    public ObjectiveNeeds Needs => new(ReferenceLogp: true);

    /// <inheritdoc/>
    public ObjectiveResult Evaluate(ObjectiveBatch batch) =>
        TrajectoryResidual.Evaluate(batch, beta, lossScale, detachValue, subtractReferenceValue: false);
}
