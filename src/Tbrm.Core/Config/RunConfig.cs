namespace Tbrm.Core.Config;

/// <summary>
/// Everything that decides a run: one record tree, written resolved into every run folder and every checkpoint. A key
/// is the property's
/// name in snake_case; sections and keys are verl's where verl has them.
/// </summary>
public sealed record RunConfig
{
    /// <summary>Prompts.</summary>
    public DataConfig Data { get; init; } = new();

    /// <summary>The policy's weights.</summary>
    public ModelConfig Model { get; init; } = new();

    /// <summary>How responses are sampled.</summary>
    public RolloutConfig Rollout { get; init; } = new();

    /// <summary>The update.</summary>
    public ActorConfig Actor { get; init; } = new();

    /// <summary>The value model, where the algorithm has one.</summary>
    [RelevantWhen("the algorithm has a critic (ppo)")]
    public CriticConfig Critic { get; init; } = new();

    /// <summary>The reference policy.</summary>
    public RefConfig Ref { get; init; } = new();

    /// <summary>The objective.</summary>
    public AlgorithmConfig Algorithm { get; init; } = new();

    /// <summary>Replay: learning from trajectories again.</summary>
    public ReplayConfig Replay { get; init; } = new();

    /// <summary>Graders.</summary>
    public RewardConfig Reward { get; init; } = new();

    /// <summary>Supervised fine-tuning: the verb <c>sft</c>, and the warm start of a model that was made from
    /// scratch.</summary>
    public SftConfig Sft { get; init; } = new();

    /// <summary>Steps, evaluation, checkpoints, device.</summary>
    public TrainerConfig Trainer { get; init; } = new();
}
