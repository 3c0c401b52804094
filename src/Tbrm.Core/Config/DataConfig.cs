using System.Collections.Generic;

namespace Tbrm.Core.Config;

/// <summary>Section <c>data</c>: where prompts come from. One of <c>task</c>, <c>tasks</c> and
/// <c>train_files</c>.</summary>
public sealed record DataConfig
{
    /// <summary>Name of a built-in task (<c>tbrm-native task list</c>), or empty to read files.</summary>
    public string Task { get; init; } = "";

    /// <summary>Parameters of the task, named as in reasoning-gym.</summary>
    [RelevantWhen("data.task is set")]
    public Dictionary<string, string> TaskParams { get; init; } = [];

    /// <summary>A weighted mixture of tasks instead of one: a list of <c>{name, weight, params}</c>, or
    /// <c>gcd:2,lcm</c>.</summary>
    public List<TaskShareConfig> Tasks { get; init; } = [];

    /// <summary>Share of a task's problems that training never sees: the pool that evaluation draws from.</summary>
    [AllowedRange(0.001, 0.5)]
    [RelevantWhen("problems come from a task")]
    public double TaskHoldout { get; init; } = 0.1;

    /// <summary>Held-out problems that an evaluation of a task asks.</summary>
    [AllowedRange(1, 1e9)]
    [RelevantWhen("problems come from a task")]
    public int TaskValSize { get; init; } = 500;

    /// <summary>jsonl or parquet files in verl's row schema.</summary>
    public List<string> TrainFiles { get; init; } = [];

    /// <summary>Files to evaluate on.</summary>
    public List<string> ValFiles { get; init; } = [];

    /// <summary>jsonl or parquet files of responses that were sampled before, by this engine or by others; with
    /// rollout.n=0 nothing else is trained on.</summary>
    public List<string> Trajectories { get; init; } = [];

    /// <summary>Column of the conversation.</summary>
    [RelevantWhen("rows come from files")]
    public string PromptKey { get; init; } = "prompt";

    /// <summary>Column that selects the grader.</summary>
    [RelevantWhen("rows come from files")]
    public string RewardFnKey { get; init; } = "data_source";

    /// <summary>How rows are read: <c>auto</c>, <c>verl</c>, or <c>dapo</c> (DAPO-Math-17k's wrapper text is cut
    /// off).</summary>
    [AllowedWords("auto", "verl", "dapo")]
    [RelevantWhen("rows come from files")]
    public string Shape { get; init; } = "auto";

    /// <summary>Keeps matching rows only: <c>field:value|field:value</c>.</summary>
    [RelevantWhen("rows come from files")]
    public string Filter { get; init; } = "";

    /// <summary>Keeps the first of rows with the same prompt text.</summary>
    [RelevantWhen("rows come from files")]
    public bool Dedup { get; init; }

    /// <summary>The day that a chat template's <c>strftime_now</c> writes, as 2026-07-31; empty: the day on which a run
    /// begins, which its checkpoints keep.</summary>
    public string TemplateDate { get; init; } = "";

    /// <summary>Prompts per step.</summary>
    [AllowedRange(1, 1e6)]
    public int TrainBatchSize { get; init; } = 128;

    /// <summary>Prompts that dynamic sampling (algorithm.filter_groups) asks at a time; 0 = train_batch_size.</summary>
    [AllowedRange(0, 1e6)]
    [RelevantWhen("algorithm.filter_groups.enable=true")]
    public int GenBatchSize { get; init; }

    /// <summary>Longest prompt in tokens, template included.</summary>
    [AllowedRange(1, 1e6)]
    public int MaxPromptLength { get; init; } = 1024;

    /// <summary>Longest response in tokens, the stop token included.</summary>
    [AllowedRange(1, 1e6)]
    public int MaxResponseLength { get; init; } = 2048;

    /// <summary>Reads at most so many training prompts; of a task, its first so many problems, over and over. -1 =
    /// all.</summary>
    [AllowedRange(-1, 1e12)]
    public long TrainMaxSamples { get; init; } = -1;

    /// <summary>Reads at most so many evaluation prompts; -1 = all.</summary>
    [AllowedRange(-1, 1e12)]
    public long ValMaxSamples { get; init; } = -1;

    /// <summary>A new order in every epoch.</summary>
    public bool Shuffle { get; init; } = true;

    /// <summary>Decides the order, and a task's items.</summary>
    [AllowedRange(0, 9e15)]
    public long Seed { get; init; } = 1;

    /// <summary>Drops prompts over max_prompt_length instead of treating them by <c>truncation</c>.</summary>
    public bool FilterOverlongPrompts { get; init; } = true;

    /// <summary>What happens to an overlong prompt that is not dropped.</summary>
    [AllowedWords("error", "left", "right", "middle")]
    [RelevantWhen("data.filter_overlong_prompts=false")]
    public string Truncation { get; init; } = "error";

    /// <summary>Chat template: empty = the tokenizer's own; a name (<c>qwen-math</c>, <c>deepseek-r1</c>, <c>none</c>)
    /// or a Jinja file.</summary>
    public string Template { get; init; } = "";

    /// <summary>Variables for the chat template, such as <c>{enable_thinking: false}</c>, for every verb; a row's own
    /// <c>chat_template_kwargs</c> win.</summary>
    public Dictionary<string, string> ApplyChatTemplateKwargs { get; init; } = [];

    /// <summary>A system turn put before every conversation that has none; empty for none.</summary>
    public string SystemPrompt { get; init; } = "";

    /// <summary>Text appended to the last user turn; empty for none.</summary>
    public string AppendInstruction { get; init; } = "";
}
