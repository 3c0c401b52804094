using System.Collections.Generic;

namespace Tbrm.Core;

/// <summary>Section <c>sft</c>: supervised fine-tuning on prompt and answer; also the warm start of a model built on the spot.</summary>
public sealed record SftConfig
{
    /// <summary>Steps; 0 = none.</summary>
    [AllowedRange(0, 1e9)]
    public int TotalTrainingSteps { get; init; }

    /// <summary>Examples per step.</summary>
    [AllowedRange(1, 1e6)]
    public int TrainBatchSize { get; init; } = 64;

    /// <summary>jsonl or parquet rows with a response; empty = the task's own problems and answers.</summary>
    public List<string> TrainFiles { get; init; } = [];

    /// <summary>Column of the response.</summary>
    public string ResponseKey { get; init; } = "response";

    /// <summary>Share of a task's demonstrations that show the working before the answer; the others show the answer alone.</summary>
    [AllowedRange(0, 1)]
    public double WorkedShare { get; init; }

    /// <summary>Largest gradient norm; 0 = not clipped.</summary>
    [AllowedRange(0, 1e30)]
    public double GradClip { get; init; } = 1;

    /// <summary>AdamW and its schedule.</summary>
    public OptimConfig Optim { get; init; } = new() { Lr = 1e-5 };
}
