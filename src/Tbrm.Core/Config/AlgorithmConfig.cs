using System.Collections.Generic;

namespace Tbrm.Core.Config;

/// <summary>Section <c>algorithm</c>: which objective, and where its advantages come from.</summary>
public sealed record AlgorithmConfig
{
    /// <summary>
    /// Which algorithm: tbrm, reval, brm, a_star_po, oapl, ppo, grpo, ... (<c>tbrm-native objective list</c>), or a
    /// class of your own,
    /// <c>assembly:My.dll#My.Loss</c>. Empty: what adv_estimator and actor.policy_loss.loss_mode select, else tbrm.
    /// </summary>
    public string Name { get; init; } = "tbrm";

    /// <summary>verl's word for the advantage estimator (gae, grpo, rloo, ...); empty: the algorithm's own.</summary>
    public string AdvEstimator { get; init; } = "";

    /// <summary>Options of the algorithm by their own names; they go before the keys of other sections. The only ones
    /// of a class of your own.</summary>
    public Dictionary<string, string> Options { get; init; } = [];

    /// <summary>Discount of gae and reinforce_plus_plus.</summary>
    [AllowedRange(0, 1)]
    [RelevantWhen("the estimator is gae or reinforce_plus_plus")]
    public double Gamma { get; init; } = 1;

    /// <summary>lambda of gae.</summary>
    [AllowedRange(0, 1)]
    [RelevantWhen("the estimator is gae")]
    public double Lam { get; init; } = 1;

    /// <summary>grpo: divides by the group's standard deviation.</summary>
    [RelevantWhen("the estimator is grpo")]
    public bool NormAdvByStdInGrpo { get; init; } = true;

    /// <summary>gdpo: the parts of the reward by the names that the grader gives them (score, acc, format, ...); empty:
    /// the whole
    /// reward is the only one.</summary>
    [RelevantWhen("the estimator is gdpo")]
    public List<string> GdpoRewardKeys { get; init; } = [];

    /// <summary>gdpo: a weight per part; empty: 1 each.</summary>
    [AllowedRange(-1e9, 1e9)]
    [RelevantWhen("the estimator is gdpo")]
    public List<double> GdpoRewardWeights { get; init; } = [];

    /// <summary>Subtracts the KL to the reference from the reward of every token.</summary>
    [RelevantWhen("the algorithm has an advantage estimator")]
    public bool UseKlInReward { get; init; }

    /// <summary>Which estimate of the KL, in the reward.</summary>
    [AllowedWords("kl", "k1", "abs", "mse", "k2", "low_var_kl", "k3")]
    [RelevantWhen("algorithm.use_kl_in_reward=true")]
    public string KlPenalty { get; init; } = "kl";

    /// <summary>The coefficient of the KL in the reward.</summary>
    [RelevantWhen("algorithm.use_kl_in_reward=true")]
    public KlCtrlConfig KlCtrl { get; init; } = new();

    /// <summary>Importance weights and rejection for a rollout whose policy is not the trainer's.</summary>
    public RolloutCorrectionConfig RolloutCorrection { get; init; } = new();

    /// <summary>Dynamic sampling (DAPO): samples until enough prompts have responses that differ.</summary>
    public FilterGroupsConfig FilterGroups { get; init; } = new();

    /// <summary>Parameters of the Bellman residual objectives.</summary>
    [RelevantWhen("algorithm.name is tbrm, reval or brm")]
    public BellmanConfig Tbrm { get; init; } = new();

    /// <summary>Parameters of A*-PO.</summary>
    [RelevantWhen("algorithm.name=a_star_po")]
    public AStarPoConfig AStarPo { get; init; } = new();
}

/// <summary>Section <c>algorithm.kl_ctrl</c>: the coefficient of the KL in the reward.</summary>
public sealed record KlCtrlConfig
{
    /// <summary>Fixed, or steered towards target_kl.</summary>
    [AllowedWords("fixed", "adaptive")]
    public string Type { get; init; } = "fixed";

    /// <summary>Where it begins.</summary>
    [AllowedRange(0, 1e6)]
    public double KlCoef { get; init; } = 0.001;

    /// <summary>Adaptive: trajectories over which it may double, roughly.</summary>
    [AllowedRange(1, 1e12)]
    [RelevantWhen("algorithm.kl_ctrl.type=adaptive")]
    public double Horizon { get; init; } = 10_000;

    /// <summary>Adaptive: the target, nats.</summary>
    [AllowedRange(0, 1e6, ExclusiveMinimum = true)]
    [RelevantWhen("algorithm.kl_ctrl.type=adaptive")]
    public double TargetKl { get; init; } = 0.1;
}

/// <summary>Section <c>algorithm.rollout_correction</c>, verl's keys. On CPU rollout and trainer have the same
/// log-probs, bit for bit.</summary>
public sealed record RolloutCorrectionConfig
{
    private const string Weighed =
        "the algorithm is a policy gradient; per sequence also with tbrm, reval, brm and a_star_po";

    /// <summary>Importance weights per <c>token</c> or per <c>sequence</c>; empty: none.</summary>
    [AllowedWords("", "token", "sequence")]
    [RelevantWhen(Weighed)]
    public string RolloutIs { get; init; } = "";

    /// <summary>Upper bound of the weights (truncated), or <c>lower_upper</c> (IcePop: 0 outside).</summary>
    [RelevantWhen(Weighed)]
    public string RolloutIsThreshold { get; init; } = "2.0";

    /// <summary>Divides the weights by their mean.</summary>
    [RelevantWhen(Weighed)]
    public bool RolloutIsBatchNormalize { get; init; }

    /// <summary>Rejection: a list of token_k1, seq_mean_k3, ... with commas; empty: none.</summary>
    [RelevantWhen("the algorithm is a policy gradient")]
    public string RolloutRs { get; init; } = "";

    /// <summary>A threshold for each of rollout_rs, with commas; <c>lower_upper</c> for k1.</summary>
    [RelevantWhen("the algorithm is a policy gradient")]
    public string RolloutRsThreshold { get; init; } = "";

    /// <summary>
    /// Takes the rollout's log-probs for the old ones: no old_log_prob pass. With the plain loss, weights and rejection
    /// then compare the policy of each update
    /// with the rollout's (policy_loss.loss_mode=bypass_mode).
    /// </summary>
    [RelevantWhen("the algorithm is a policy gradient")]
    public bool BypassMode { get; init; }

    /// <summary>With bypass_mode: PPO's clip, whose ratio is the correction, or <c>reinforce</c>, -w A log pi with the
    /// weights of rollout_is.</summary>
    [AllowedWords("ppo_clip", "reinforce")]
    [RelevantWhen("the algorithm is a policy gradient")]
    public string LossType { get; init; } = "ppo_clip";
}

/// <summary>Section <c>algorithm.filter_groups</c>: DAPO's dynamic sampling, arXiv 2503.14476.</summary>
public sealed record FilterGroupsConfig
{
    /// <summary>Leaves out prompts whose responses are all alike, and samples further prompts until
    /// data.train_batch_size are left.</summary>
    public bool Enable { get; init; }

    /// <summary>What must differ: the grader's acc, its score, or the reward (seq_reward, seq_final_reward).</summary>
    [AllowedWords("acc", "score", "seq_reward", "seq_final_reward")]
    [RelevantWhen("algorithm.filter_groups.enable=true")]
    public string Metric { get; init; } = "acc";

    /// <summary>Batches of prompts per step before the run ends with an error; 0 = any number.</summary>
    [AllowedRange(0, 1e6)]
    [RelevantWhen("algorithm.filter_groups.enable=true")]
    public int MaxNumGenBatches { get; init; }
}

/// <summary>Section <c>algorithm.a_star_po</c>.</summary>
public sealed record AStarPoConfig
{
    /// <summary>Stage 1: temperature of V*; 0 = mean reward, below 0 = no V*.</summary>
    [AllowedRange(-1e6, 1e6)]
    public double Beta1 { get; init; } = 0.5;

    /// <summary>Stage 2: reward units per nat.</summary>
    [AllowedRange(0, 1e6, ExclusiveMinimum = true)]
    public double Beta2 { get; init; } = 1e-3;

    /// <summary>Stage 1: samples of the reference per prompt.</summary>
    [AllowedRange(1, 32768)]
    public int NumGenToUse { get; init; } = 8;

    /// <summary>Leaves out prompts whose stage-1 rewards are all 0.</summary>
    public bool FilterIncorrect { get; init; }
}

/// <summary>Section <c>algorithm.tbrm</c>: what TBRM, ReVal and BRM share.</summary>
public sealed record BellmanConfig
{
    /// <summary>Reward units per nat.</summary>
    [AllowedRange(0, 1e6, ExclusiveMinimum = true)]
    public double Beta { get; init; } = 0.002;

    /// <summary><c>nats</c>: the paper's loss. <c>reward</c>: beta^2 times it; same minimiser, other interaction with
    /// clipping.</summary>
    [AllowedWords("nats", "reward")]
    public string LossScale { get; init; } = "nats";

    /// <summary>V(s_1) carries no gradient.</summary>
    public bool DetachValue { get; init; }

    /// <summary>BRM: V(s_{h+1}) carries no gradient (single-step soft Q-learning).</summary>
    [RelevantWhen("algorithm.name=brm")]
    public bool StopGradNext { get; init; }

    /// <summary>V(s_1) of the policy before the first update on a rollout stands for V(s_1) (the iterative form,
    /// Appendix F).</summary>
    public bool Iterative { get; init; }

    /// <summary>
    /// What a response that hit the length limit is: <c>keep</c> (verl: the grader's score on the partial text),
    /// <c>drop</c> (weight 0),
    /// <c>zero_reward</c> (the score 0, before scale and shift), <c>bootstrap</c> (subtract V(s_{H+1}), the exact
    /// residual of an unfinished
    /// trajectory; it takes no reward, which comes at the end of an episode).
    /// </summary>
    [AllowedWords("keep", "drop", "zero_reward", "bootstrap")]
    public string Truncation { get; init; } = "keep";

    /// <summary><c>none</c>: the grader's reward. <c>group_mean</c>: minus the mean over the prompt's samples that have
    /// a reward and are trained on (ReVal).</summary>
    [AllowedWords("none", "group_mean")]
    public string RewardNormalization { get; init; } = "none";

    /// <summary>Reward = scale * score + shift: 0/1 as it is, or 2 and -1 for +-1.</summary>
    [AllowedRange(-1e6, 1e6)]
    public double RewardScale { get; init; } = 1;

    /// <summary>See reward_scale.</summary>
    [AllowedRange(-1e6, 1e6)]
    public double RewardShift { get; init; }
}
