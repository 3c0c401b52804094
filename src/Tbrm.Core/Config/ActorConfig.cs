using System.Collections.Generic;

namespace Tbrm.Core;

/// <summary>Section <c>actor</c>: the update.</summary>
public sealed record ActorConfig
{
    /// <summary>Tokens per micro-batch, prompt and response. A longer trajectory is a micro-batch of its own.</summary>
    [AllowedRange(1, 1e8)]
    public int PpoMaxTokenLenPerGpu { get; init; } = 16384;

    /// <summary>Trajectories per micro-batch; 0 = as many as the token budget holds. The result does not depend on it.</summary>
    [AllowedRange(0, 1e6)]
    public int PpoMicroBatchSizePerGpu { get; init; }

    /// <summary>Largest gradient norm; 0 = not clipped.</summary>
    [AllowedRange(0, 1e30)]
    public double GradClip { get; init; } = 1;

    /// <summary>Computes residual and coefficients natively, without leaving the device, where the objective has such a kernel.</summary>
    public bool FusedResidual { get; init; } = true;

    /// <summary>AdamW and its schedule.</summary>
    public OptimConfig Optim { get; init; } = new();
}

/// <summary>Section <c>optim</c> of an update: AdamW and its schedule.</summary>
public sealed record OptimConfig
{
    /// <summary>Learning rate after warm-up.</summary>
    [AllowedRange(0, 1e38)]
    public double Lr { get; init; } = 2.5e-6;

    /// <summary>Decoupled; not applied to norms and biases.</summary>
    [AllowedRange(0, 1e3)]
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>beta1, beta2.</summary>
    public List<double> Betas { get; init; } = [0.9, 0.999];

    /// <summary>Added to the root of the second moment.</summary>
    [AllowedRange(0, 1, ExclusiveMinimum = true)]
    public double Eps { get; init; } = 1e-8;

    /// <summary>Shape of the schedule after warm-up.</summary>
    [AllowedWords("constant", "cosine", "linear")]
    public string LrSchedulerType { get; init; } = "constant";

    /// <summary>Steps of linear warm-up; -1 = lr_warmup_steps_ratio of all steps.</summary>
    [AllowedRange(-1, 1e9)]
    public int LrWarmupSteps { get; init; } = -1;

    /// <summary>Share of all steps, used when lr_warmup_steps is -1.</summary>
    [AllowedRange(0, 1)]
    public double LrWarmupStepsRatio { get; init; }

    /// <summary>Where cosine and linear end, as a share of lr.</summary>
    [AllowedRange(0, 1)]
    public double MinLrRatio { get; init; }
}
