using System.Collections.Generic;

namespace Tbrm.Core.Config;

/// <summary>Section <c>actor</c>: the update.</summary>
public sealed record ActorConfig
{
    /// <summary>Tokens per micro-batch, prompt and response. A longer trajectory is a micro-batch of its own.</summary>
    [AllowedRange(1, 1e8)]
    public int PpoMaxTokenLenPerGpu { get; init; } = 16384;

    /// <summary>Trajectories per micro-batch; 0 = as many as the token budget holds. The result does not depend on
    /// it.</summary>
    [AllowedRange(0, 1e6)]
    public int PpoMicroBatchSizePerGpu { get; init; }

    /// <summary>Prompts (with all their responses) per update; 0 = all of the step, one update per rollout.</summary>
    [AllowedRange(0, 1e6)]
    public int PpoMiniBatchSize { get; init; }

    /// <summary>Passes over the step's mini-batches.</summary>
    [AllowedRange(1, 1e4)]
    public int PpoEpochs { get; init; } = 1;

    /// <summary>Every epoch's mini-batches take the step's responses in an order of their own; a prompt's stay together
    /// where the
    /// loss compares them.</summary>
    [RelevantWhen("a step has several mini-batches")]
    public bool Shuffle { get; init; }

    /// <summary>Decides that order, with the step and the epoch.</summary>
    [AllowedRange(0, 2147483647)]
    [RelevantWhen("actor.shuffle=true")]
    public int DataLoaderSeed { get; init; } = 42;

    /// <summary>Largest gradient norm; 0 = not clipped.</summary>
    [AllowedRange(0, 1e30)]
    public double GradClip { get; init; } = 1;

    /// <summary>Computes residual and coefficients natively, without leaving the device, where the objective has such a
    /// kernel.</summary>
    [RelevantWhen("the objective has a fused kernel (tbrm, reval)")]
    public bool FusedResidual { get; init; } = true;

    /// <summary>epsilon of the clipped ratio.</summary>
    [AllowedRange(0, 1e6)]
    [RelevantWhen("the loss has a clipped ratio (ppo, grpo, ...)")]
    public double ClipRatio { get; init; } = 0.2;

    /// <summary>Lower epsilon; null: clip_ratio.</summary>
    [AllowedRange(0, 1e6)]
    [RelevantWhen("the loss has a clipped ratio (ppo, grpo, ...)")]
    public double? ClipRatioLow { get; init; }

    /// <summary>Upper epsilon; null: clip_ratio.</summary>
    [AllowedRange(0, 1e6)]
    [RelevantWhen("the loss has a clipped ratio (ppo, grpo, ...)")]
    public double? ClipRatioHigh { get; init; }

    /// <summary>Dual clip; null: 3 (20 for dppo).</summary>
    [AllowedRange(1, 1e9, ExclusiveMinimum = true)]
    [RelevantWhen("the loss is vanilla PPO's, or dppo")]
    public double? ClipRatioC { get; init; }

    /// <summary>How the losses of tokens become one number; empty: the loss's own, token-mean for most.</summary>
    [AllowedWords("", "token-mean", "token-sum", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm",
        "prompt-mean")]
    [RelevantWhen("the algorithm is a policy gradient")]
    public string LossAggMode { get; init; } = "";

    /// <summary>Divisor of seq-mean-token-sum-norm; null: data.max_response_length.</summary>
    [AllowedRange(0, 1e12, ExclusiveMinimum = true)]
    [RelevantWhen("actor.loss_agg_mode=seq-mean-token-sum-norm")]
    public double? LossScaleFactor { get; init; }

    /// <summary>Entropy bonus.</summary>
    [AllowedRange(-1e6, 1e6)]
    [RelevantWhen("the algorithm is a policy gradient")]
    public double EntropyCoeff { get; init; }

    /// <summary>Adds the KL to the reference to the loss.</summary>
    [RelevantWhen("the algorithm is a policy gradient")]
    public bool UseKlLoss { get; init; }

    /// <summary>Weight of the KL in the loss.</summary>
    [AllowedRange(0, 1e6)]
    [RelevantWhen("actor.use_kl_loss=true")]
    public double KlLossCoef { get; init; } = 0.001;

    /// <summary>Which estimate of the KL, in the loss; with + the gradient of k2.</summary>
    [AllowedWords("kl", "k1", "abs", "mse", "k2", "low_var_kl", "k3", "kl+", "k1+", "abs+", "mse+", "k2+",
        "low_var_kl+", "k3+")]
    [RelevantWhen("actor.use_kl_loss=true")]
    public string KlLossType { get; init; } = "low_var_kl";

    /// <summary>sapo: temperature where the advantage is positive.</summary>
    [AllowedRange(0, 1e6, ExclusiveMinimum = true)]
    [RelevantWhen("actor.policy_loss.loss_mode=sapo")]
    public double TauPos { get; init; } = 1;

    /// <summary>sapo: temperature elsewhere.</summary>
    [AllowedRange(0, 1e6, ExclusiveMinimum = true)]
    [RelevantWhen("actor.policy_loss.loss_mode=sapo")]
    public double TauNeg { get; init; } = 1.05;

    /// <summary>Which policy loss, and its own parameters.</summary>
    [RelevantWhen("the algorithm is a policy gradient")]
    public PolicyLossConfig PolicyLoss { get; init; } = new();

    /// <summary>AdamW and its schedule.</summary>
    public OptimConfig Optim { get; init; } = new();
}

/// <summary>Section <c>actor.policy_loss</c>.</summary>
public sealed record PolicyLossConfig
{
    /// <summary>verl's word for the policy loss (vanilla, gspo, cispo, ...); empty: the algorithm's own.</summary>
    public string LossMode { get; init; } = "";

    /// <summary>clip_cov: share of tokens that lose their gradient.</summary>
    [AllowedRange(0, 1, ExclusiveMinimum = true)]
    public double ClipCovRatio { get; init; } = 0.0002;

    /// <summary>clip_cov: least covariance of such a token.</summary>
    [AllowedRange(-1e9, 1e9)]
    public double ClipCovLb { get; init; } = 1;

    /// <summary>clip_cov: largest covariance of such a token.</summary>
    [AllowedRange(-1e9, 1e9)]
    public double ClipCovUb { get; init; } = 5;

    /// <summary>kl_cov: share of tokens with a KL penalty.</summary>
    [AllowedRange(0, 1, ExclusiveMinimum = true)]
    public double KlCovRatio { get; init; } = 0.0002;

    /// <summary>kl_cov: weight of that penalty.</summary>
    [AllowedRange(0, 1e6)]
    public double PpoKlCoef { get; init; } = 0.1;

    /// <summary>dro: weight of the squared log-ratio.</summary>
    [AllowedRange(0, 1e6, ExclusiveMinimum = true)]
    public double? DroBeta { get; init; }
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
    [RelevantWhen("lr_warmup_steps=-1")]
    public double LrWarmupStepsRatio { get; init; }

    /// <summary>Where cosine and linear end, as a share of lr.</summary>
    [AllowedRange(0, 1)]
    [RelevantWhen("lr_scheduler_type is cosine or linear")]
    public double MinLrRatio { get; init; }
}
