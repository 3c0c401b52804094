namespace Tbrm.Data.Prompts;

/// <summary>Which columns hold what; the defaults are verl's schema. A dot steps into a struct.</summary>
public sealed record PromptKeys
{
    /// <summary>The conversation: a list of {role, content}, or plain text (<c>data.prompt_key</c>).</summary>
    public string Prompt { get; init; } = "prompt";

    /// <summary>What selects the grader (<c>data.reward_fn_key</c>).</summary>
    public string DataSource { get; init; } = "data_source";

    /// <summary>The correct answer.</summary>
    public string GroundTruth { get; init; } = "reward_model.ground_truth";

    /// <summary>The label of the skill; may be absent.</summary>
    public string Ability { get; init; } = "ability";

    /// <summary>What the grader may need besides; may be absent.</summary>
    public string ExtraInfo { get; init; } = "extra_info";
}
