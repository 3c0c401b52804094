using System.Collections.Generic;
using System.Text.Json.Nodes;
using Tbrm.Core.Prompts;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;

namespace Tbrm.Data.Trajectories;

/// <summary>A row of a file of trajectories, before any tokenizer: texts or ids, a grade or what is needed for one,
/// log-probs where they were recorded.</summary>
public sealed record StoredTrajectory
{
    /// <summary><c>file:line</c>; begins every message about the row.</summary>
    public required string Where { get; init; }

    /// <summary>The row itself.</summary>
    public required JsonObject Row { get; init; }

    /// <summary>Token ids of the prompt; null when the row has none.</summary>
    public int[]? PromptIds { get; init; }

    /// <summary>The conversation; null when the prompt is given as ids or as text alone.</summary>
    public IReadOnlyList<ChatMessage>? Messages { get; init; }

    /// <summary>What the chat template is given besides.</summary>
    public TemplateVariables Variables { get; init; } = TemplateVariables.None;

    /// <summary>The prompt as text with its template; null when it is given otherwise.</summary>
    public string? PromptText { get; init; }

    /// <summary>Token ids of the response; null when the row has none.</summary>
    public int[]? ResponseIds { get; init; }

    /// <summary>The response as text; null when the row has none.</summary>
    public string? Response { get; init; }

    /// <summary>The grade; null when there is none yet.</summary>
    public GradeResult? Grade { get; init; }

    /// <summary>What a grader compares with; null when the row has none.</summary>
    public GroundTruth? GroundTruth { get; init; }

    /// <summary>Selects the grader.</summary>
    public required string DataSource { get; init; }

    /// <summary>What a grader may need besides.</summary>
    public JsonObject? ExtraInfo { get; init; }

    /// <summary>The problem's number; null when the row has none.</summary>
    public long? Index { get; init; }

    /// <summary>The step that sampled it; null when the row has none.</summary>
    public long? Step { get; init; }

    /// <summary>Tells prompts apart; null when the row has none: rows with the same prompt belong together.</summary>
    public string? Group { get; init; }

    /// <summary>The trajectory's number; null when the row has none.</summary>
    public long? Id { get; init; }

    /// <summary>Updates of the policy that sampled it; null when the row has none.</summary>
    public long? WeightVersion { get; init; }

    /// <summary>What logits were divided by; null when the row does not say.</summary>
    public double? Temperature { get; init; }

    /// <summary>Why it ended; null when the row does not say.</summary>
    public TrajectoryEnd? End { get; init; }

    /// <summary>Log-probs of the policy that sampled it, nats, a number per response token; empty when the row has
    /// none.</summary>
    public float[] Logp { get; init; } = [];

    /// <summary>The same after penalties and filters.</summary>
    public float[] ProcessedLogp { get; init; } = [];

    /// <summary>What the reference policy says; null when the row has nothing of it.</summary>
    public ReferenceScores? Reference { get; init; }
}
