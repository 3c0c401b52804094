namespace Tbrm.Objectives;

/// <summary>What has to be computed before an objective can be evaluated.</summary>
/// <param name="ReferenceLogp">log pi_ref of every response token.</param>
/// <param name="ReferenceValue">V_ref(s_1) of every trajectory.</param>
/// <param name="Entropy">H of every row.</param>
/// <param name="RolloutLogp">The behaviour policy's log-probs.</param>
public readonly record struct ObjectiveNeeds(bool ReferenceLogp, bool ReferenceValue = false, bool Entropy = false, bool RolloutLogp = false);

/// <summary>
/// A loss over Q, V, H of response tokens: a pure function. The gradient with respect to logits follows natively from
/// dz = dQ e_a + dV p + dH dH/dz, so a new objective is this one method, checked against finite differences.
/// </summary>
public interface IObjective
{
    /// <summary>The name by which the configuration selects it (<c>algorithm.name</c>).</summary>
    string Name { get; }

    /// <summary>What it reads besides Q, V and the rewards.</summary>
    ObjectiveNeeds Needs { get; }

    /// <summary>Loss and gradient of one micro-batch. Does not depend on other micro-batches: weights carry the step-wide mean.</summary>
    ObjectiveResult Evaluate(ObjectiveBatch batch);
}
