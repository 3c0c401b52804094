namespace Tbrm.Training.Steps;

/// <summary>What came of a step's update.</summary>
public enum UpdateOutcome
{
    /// <summary>The weights were updated.</summary>
    Made,

    /// <summary>Logits were finite; loss or gradient were not.</summary>
    NotFinite,

    /// <summary>The policy's logits, or the loss of its forward pass, were not finite: no gradient is to
    /// blame.</summary>
    LogitsNotFinite,

    /// <summary>No response was left to learn from.</summary>
    NothingToLearn,
}
