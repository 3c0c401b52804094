using Tbrm.Core.Rollouts;
using Tbrm.Training.Prompts;

namespace Tbrm.Training.Steps;

/// <summary>A trajectory that training may use: one of a file, or one of the replay buffer.</summary>
/// <param name="prompt">Its prompt.</param>
/// <param name="trajectory">Ids, and log-probs where they were recorded.</param>
/// <param name="graded">Its grade; null when it has none yet.</param>
public sealed class TrajectoryRecord(EncodedPrompt prompt, Trajectory trajectory, GradedResponse? graded)
{
    /// <summary>The prompt.</summary>
    public EncodedPrompt Prompt { get; } = prompt;

    /// <summary>Ids, log-probs, and what the reference says once it was asked.</summary>
    public Trajectory Trajectory { get; set; } = trajectory;

    /// <summary>The grade; null until it was made.</summary>
    public GradedResponse? Graded { get; set; } = graded;

    /// <summary>The reward as its own group gave it, after scale, shift and normalisation; null: follows from the
    /// grades of its batch.</summary>
    public double? Reward { get; init; }

    /// <summary>Where it was read; empty for one that was sampled here.</summary>
    public string Where { get; init; } = "";
}
