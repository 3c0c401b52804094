using System.Collections.Generic;
using System.Text.Json.Nodes;
using Tbrm.Core.Rewards;

namespace Tbrm.Core.Prompts;

/// <summary>
/// One training or evaluation problem: a row of verl's schema
/// (<c>data_source, prompt, ability, reward_model.ground_truth, extra_info</c>), whichever file or generator it came
/// from.
/// </summary>
public sealed record Prompt
{
    /// <summary>Where the row comes from (<c>math_dapo</c>, <c>chain_sum</c>): selects the grader and names the
    /// metric.</summary>
    public required string DataSource { get; init; }

    /// <summary>The conversation up to the assistant's turn. Never empty.</summary>
    public required IReadOnlyList<ChatMessage> Messages { get; init; }

    /// <summary>What the chat template is given besides the messages.</summary>
    public TemplateVariables Variables { get; init; } = TemplateVariables.None;

    /// <summary>What a correct answer is, as the file or the generator has it.</summary>
    public required GroundTruth GroundTruth { get; init; }

    /// <summary>Free label of the skill (<c>MATH</c>); not used in training.</summary>
    public string Ability { get; init; } = "";

    /// <summary>Stable identity inside the data set: row number, or item index of a generator.</summary>
    public required long Index { get; init; }

    /// <summary>What the grader may need besides the ground truth (a generator's <c>metadata</c>); null when there is
    /// none.</summary>
    public JsonObject? ExtraInfo { get; init; }
}
