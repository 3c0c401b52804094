using System.Collections.Generic;

namespace Tbrm.Core.Config;

/// <summary>Section <c>sft</c>: supervised fine-tuning on prompt and answer; also the warm start of a model made from
/// scratch.</summary>
public sealed record SftConfig
{
    /// <summary>Steps; 0 = none in a warm start, and trainer.total_epochs over sft.train_files in the verb
    /// sft.</summary>
    [AllowedRange(0, 1e9)]
    public int TotalTrainingSteps { get; init; }

    /// <summary>Examples per step.</summary>
    [AllowedRange(1, 1e6)]
    public int TrainBatchSize { get; init; } = 64;

    /// <summary>The verb sft's rows, jsonl or parquet: messages, or prompt (data.prompt_key) and response; empty =
    /// data's problems and their answers.</summary>
    [RelevantWhen("the verb is sft")]
    public List<string> TrainFiles { get; init; } = [];

    /// <summary>Rows whose loss is measured and never trained on; empty = val_share of the training rows, or a task's
    /// held-out problems.</summary>
    [RelevantWhen("the verb is sft")]
    public List<string> ValFiles { get; init; } = [];

    /// <summary>Share of train_files kept back for the validation loss when there are no val_files; drawn by
    /// data.seed.</summary>
    [AllowedRange(0, 0.5)]
    [RelevantWhen("sft.train_files is set")]
    public double ValShare { get; init; }

    /// <summary>Column of the response.</summary>
    [RelevantWhen("sft.train_files is set")]
    public string ResponseKey { get; init; } = "response";

    /// <summary>Column of a whole conversation, whose assistant turns are learned; used by rows without prompt and
    /// response.</summary>
    [RelevantWhen("sft.train_files is set")]
    public string MessagesKey { get; init; } = "messages";

    /// <summary>Which turns of the assistant a conversation teaches.</summary>
    [AllowedWords("all", "last")]
    [RelevantWhen("sft.train_files is set")]
    public string Turns { get; init; } = "all";

    /// <summary>The verb sft also asks the evaluation prompts (data.val_files, or a task's held-out problems) and
    /// grades the answers.</summary>
    [RelevantWhen("the verb is sft")]
    public bool ValAccuracy { get; init; } = true;

    /// <summary>A warm start in train saves every so many of its steps, to go on from when it is killed; -1 = never.
    /// The verb sft saves by trainer.save_freq.</summary>
    [AllowedRange(-1, 1e9)]
    public int SaveFreq { get; init; } = 250;

    /// <summary>Share of a task's demonstrations that show the working before the answer; the others show the answer
    /// alone.</summary>
    [AllowedRange(0, 1)]
    [RelevantWhen("demonstrations come from a task")]
    public double WorkedShare { get; init; }

    /// <summary>Largest gradient norm; 0 = not clipped.</summary>
    [AllowedRange(0, 1e30)]
    public double GradClip { get; init; } = 1;

    /// <summary>AdamW and its schedule.</summary>
    public OptimConfig Optim { get; init; } = new() { Lr = 1e-5 };
}
