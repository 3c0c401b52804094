using Tbrm.Core.Config;
using Tbrm.Objectives.Kl;

namespace Tbrm.Objectives.PolicyGradient;

/// <summary>Options of the policy-gradient losses, by verl's names (section <c>actor</c> and
/// <c>actor.policy_loss</c>).</summary>
public sealed record PolicyLossOptions
{
    /// <summary>Which loss; see <see cref="PolicyLosses"/>.</summary>
    public string LossMode { get; init; } = "vanilla";

    /// <summary>epsilon of the clipped ratio, or the divergence threshold of dppo_tv and dppo_kl.</summary>
    [AllowedRange(0, 1e6)]
    public double ClipRatio { get; init; } = 0.2;

    /// <summary>Lower epsilon; null: clip_ratio.</summary>
    [AllowedRange(0, 1e6)]
    public double? ClipRatioLow { get; init; }

    /// <summary>Upper epsilon (DAPO's clip-higher); null: clip_ratio.</summary>
    [AllowedRange(0, 1e6)]
    public double? ClipRatioHigh { get; init; }

    /// <summary>Dual clip: a negative advantage weighs at most c times; for dppo the largest ratio. Null: 3, and 20 for
    /// dppo.</summary>
    [AllowedRange(1, 1e9, ExclusiveMinimum = true)]
    public double? ClipRatioC { get; init; }

    /// <summary>
    /// How tokens become one number; see <see cref="LossAggregation"/>. Null: the loss's own, seq-mean-token-mean for
    /// gspo and sapo, which verl takes
    /// for these whatever the configuration says, token-mean for the others. geo_mean has one of its own always.
    /// </summary>
    [AllowedWords("token-mean", "token-sum", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm",
        "prompt-mean")]
    public string? LossAggMode { get; init; }

    /// <summary>Divisor of seq-mean-token-sum-norm; null: the longest possible response.</summary>
    [AllowedRange(0, 1e12, ExclusiveMinimum = true)]
    public double? LossScaleFactor { get; init; }

    /// <summary>Entropy bonus.</summary>
    [AllowedRange(-1e6, 1e6)]
    public double EntropyCoeff { get; init; }

    /// <summary>Whether the KL to the reference is part of the loss; null: when kl_loss_coef is given.</summary>
    public bool? UseKlLoss { get; init; }

    /// <summary>Weight of the KL in the loss; null: 0.001.</summary>
    [AllowedRange(0, 1e6)]
    public double? KlLossCoef { get; init; }

    /// <summary>Which estimate; see <see cref="KlEstimator"/>.</summary>
    [AllowedWords("kl", "k1", "abs", "mse", "k2", "low_var_kl", "k3", "kl+", "k1+", "abs+", "mse+", "k2+",
        "low_var_kl+", "k3+")]
    public string KlLossType { get; init; } = "low_var_kl";

    /// <summary>SAPO: temperature of the gate where the advantage is positive.</summary>
    [AllowedRange(0, 1e6, ExclusiveMinimum = true)]
    public double TauPos { get; init; } = 1;

    /// <summary>SAPO: temperature of the gate elsewhere.</summary>
    [AllowedRange(0, 1e6, ExclusiveMinimum = true)]
    public double TauNeg { get; init; } = 1.05;

    /// <summary>Clip-Cov: share of tokens that lose their gradient.</summary>
    [AllowedRange(0, 1, ExclusiveMinimum = true)]
    public double ClipCovRatio { get; init; } = 0.0002;

    /// <summary>Clip-Cov: least covariance of a token that may lose its gradient.</summary>
    public double ClipCovLb { get; init; } = 1;

    /// <summary>Clip-Cov: largest covariance of a token that may lose its gradient.</summary>
    public double ClipCovUb { get; init; } = 5;

    /// <summary>KL-Cov: share of tokens that are held by a KL penalty.</summary>
    [AllowedRange(0, 1, ExclusiveMinimum = true)]
    public double KlCovRatio { get; init; } = 0.0002;

    /// <summary>KL-Cov: weight of that penalty. verl's configuration says 0.1, its loss alone 1.</summary>
    [AllowedRange(0, 1e6)]
    public double PpoKlCoef { get; init; } = 0.1;

    /// <summary>DRO: weight of the squared log-ratio.</summary>
    [AllowedRange(0, 1e6, ExclusiveMinimum = true)]
    public double? DroBeta { get; init; }

    /// <summary>GSPO: <c>token</c> as verl (the sequence ratio is a constant, the gradient each token's own),
    /// <c>sequence</c> as NeMo-RL (it is followed).</summary>
    [AllowedWords("token", "sequence")]
    public string GspoGradient { get; init; } = "token";

    /// <summary>bypass_mode: PPO's clip or REINFORCE; the next five as in
    /// <see cref="RolloutCorrectionConfig"/>.</summary>
    [AllowedWords("ppo_clip", "reinforce")]
    public string LossType { get; init; } = "ppo_clip";

    /// <summary>bypass_mode: importance weights per token or sequence.</summary>
    [AllowedWords("", "token", "sequence")]
    public string RolloutIs { get; init; } = "";

    /// <summary>bypass_mode: their bound.</summary>
    public string RolloutIsThreshold { get; init; } = "2.0";

    /// <summary>bypass_mode: divides them by their mean.</summary>
    public bool RolloutIsBatchNormalize { get; init; }

    /// <summary>bypass_mode: rejection.</summary>
    public string RolloutRs { get; init; } = "";

    /// <summary>bypass_mode: its thresholds.</summary>
    public string RolloutRsThreshold { get; init; } = "";

    /// <summary>1 - this is the least ratio.</summary>
    public double Low => ClipRatioLow ?? ClipRatio;

    /// <summary>1 + this is the largest ratio.</summary>
    public double High => ClipRatioHigh ?? ClipRatio;

    /// <summary>Weight of the KL in the loss; 0 when it is none.</summary>
    public double KlWeight => UseKlLoss ?? KlLossCoef is not null ? KlLossCoef ?? DefaultKlWeight : 0;

    private const double DefaultKlWeight = 0.001;
}
