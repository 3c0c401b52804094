using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Objectives;

namespace Tbrm.Training.Config;

/// <summary>What an algorithm and the rest of the configuration must satisfy together: a need that a step cannot meet
/// is an error, never ignored.</summary>
internal static class AlgorithmRules
{
    /// <summary>Throws <see cref="ConfigException"/> for what does not fit.</summary>
    public static void Check(RunConfig config)
    {
        AlgorithmSelection algorithm = AlgorithmSelection.Of(config);
        (string name, Needs needs) = (algorithm.Entry.Name, algorithm.Needs);
        List<string> parts = config.Algorithm.GdpoRewardKeys;
        Require(parts.Count == 0 || needs.HasFlag(Needs.RewardParts),
            $"algorithm.gdpo_reward_keys=[{string.Join(", ", parts)}] are parts of the reward for "
                + "adv_estimator=gdpo, which "
            + $"algorithm.name={name} has not; leave it out");
        int weights = config.Algorithm.GdpoRewardWeights.Count;
        Require(weights == 0 || weights == parts.Count, $"algorithm.gdpo_reward_weights has {weights} numbers, and "
            + $"algorithm.gdpo_reward_keys {parts.Count} names; give as many");
        Require(!needs.HasFlag(Needs.Groups) || config.Rollout.N != 1 || algorithm.Estimator?.TakesGroupsOfOne == true,
            $"algorithm.name={name} compares the responses to a prompt with each other, but rollout.n=1; set "
                + "rollout.n to at least 2");
        BellmanConfig bellman = config.Algorithm.Tbrm;
        Require(bellman.Truncation != "bootstrap" || algorithm.Entry.CanBootstrap,
            $"algorithm.tbrm.truncation=bootstrap is the residual of {string.Join(", ", BootstrapNames)}, which "
                + $"algorithm.name={name} has not; expected keep, drop or zero_reward");
        Require(!needs.HasFlag(Needs.VStar) || algorithm.Estimator is not null || config.Ref.ResetSteps == 0,
            $"ref.reset_steps={config.Ref.ResetSteps}: V* is estimated once from the first reference, and would be "
                + "another reference's after a reset; set it to 0");
        Require(!config.Algorithm.UseKlInReward || algorithm.Estimator is not null,
            $"algorithm.use_kl_in_reward: algorithm.name={name} has no reward per token, the distance from the "
                + "reference is in its residual; set it to false");
        Require(config.Trainer.CriticWarmup <= 1 || algorithm.Critic is not null,
            $"trainer.critic_warmup={config.Trainer.CriticWarmup}: algorithm.name={name} has no critic to warm up; "
                + "set it to 0");
        CheckSharedTrunk(config.Critic, config.Trainer, algorithm);
        CheckCorrection(config.Algorithm.RolloutCorrection, algorithm.Entry);
        CheckBatches(config);
        CheckReplay(config, algorithm, needs);
    }

    /// <summary>One update learns policy and values: what a critic of its own could have otherwise is
    /// refused.</summary>
    private static void CheckSharedTrunk(CriticConfig critic, TrainerConfig trainer, AlgorithmSelection algorithm)
    {
        if (!critic.SharedTrunk)
        {
            return;
        }

        string name = algorithm.Entry.Name;
        Require(algorithm.Critic is not null,
            $"critic.shared_trunk=true: algorithm.name={name} has no critic; set it to false");
        Require(!algorithm.Objective.Needs.HasFlag(Needs.WholeBatch),
            $"critic.shared_trunk=true: algorithm.name={name} evaluates a whole mini-batch at once, the values go "
                + "with micro-batches; set it to false");
        (string Key, bool IsGiven)[] others =
        [
            ("critic.model.path", critic.Model.Path.Length > 0),
            ("critic.model.lora_rank", critic.Model.LoraRank > 0),
            ("critic.model.lora_adapter_path", critic.Model.LoraAdapterPath.Length > 0),
            ("critic.ppo_mini_batch_size", critic.PpoMiniBatchSize > 0), ("critic.ppo_epochs", critic.PpoEpochs > 0),
            ("trainer.critic_warmup", trainer.CriticWarmup > 1),
        ];
        string[] given = [.. others.Where(o => o.IsGiven).Select(o => o.Key)];
        Require(given.Length == 0, $"critic.shared_trunk=true: the values are learned in the policy's own updates, so "
            + $"{string.Join(", ", given)} cannot be had; leave {(given.Length == 1 ? "it" : "them")} out, or set "
            + "critic.shared_trunk=false");
    }

    /// <summary>A residual of whole trajectories can be weighed as a whole; advantages of tokens by token.</summary>
    private static void CheckCorrection(RolloutCorrectionConfig correction, Algorithm entry)
    {
        bool isWhole = correction is { RolloutIs: "" or "sequence", RolloutRs: "", BypassMode: false };
        Require(entry.IsPolicyGradient || isWhole,
            $"algorithm.rollout_correction: algorithm.name={entry.Name} is no policy gradient; of this section it can "
                + $"have {(entry.CanWeigh ? "rollout_is=sequence, which weighs whole trajectories" : "nothing")}; "
                + $"found rollout_is={correction.RolloutIs}, rollout_rs={correction.RolloutRs}, "
                + $"bypass_mode={(correction.BypassMode ? "true" : "false")}");
    }

    private static void CheckReplay(RunConfig config, AlgorithmSelection algorithm, Needs needs)
    {
        ReplayConfig replay = config.Replay;
        ReplayMix mix = ReplayMix.Of(config);
        string name = algorithm.Entry.Name;
        Require(!needs.HasFlag(Needs.BaselineRewards) || (mix.Files.Count == 0 && replay.Capacity == 0),
            $"algorithm.name={name} needs a greedy response beside every sampled one, which trajectories of files and "
                + "of a replay buffer have not; leave data.trajectories and replay.capacity out");
        Require(config.Algorithm.GdpoRewardKeys.Count == 0 || (mix.Files.Count == 0 && replay.Capacity == 0),
            "algorithm.gdpo_reward_keys takes the parts of a reward from its grade, which trajectories of files and "
                + "of a replay "
            + "buffer have not; leave data.trajectories and replay.capacity out");
        Require(!mix.IsFirstOnline || replay.Updates > 1,
            $"replay.capacity={replay.Capacity}, but with replay.updates=1 and no replay.mix every batch is the "
                + "rollout, and nothing would be learned from the buffer; set replay.updates to 2 or more (ReVal), or "
                + "give shares in replay.mix");
        Require(replay.Capacity == 0 || replay.Capacity >= config.Rollout.N,
            $"replay.capacity={replay.Capacity} is less than the responses to one prompt, "
                + $"rollout.n={config.Rollout.N}");
        Require(replay.Capacity == 0 || needs.HasFlag(Needs.Groups) || config.Actor.PpoMiniBatchSize == 0,
            $"actor.ppo_mini_batch_size={config.Actor.PpoMiniBatchSize} counts prompts, and the replay buffer gives "
                + $"single trajectories; leave it 0, the updates of a step are replay.updates={replay.Updates}");
        Require(replay.PriorityExponent == 0 || replay.Order == "age_decay",
            $"replay.priority_exponent={replay.PriorityExponent} is part of replay.order=age_decay; replay.order is "
                + $"{replay.Order}");
        Require(replay.PriorityExponent == 0 || !algorithm.Entry.IsPolicyGradient,
            $"replay.priority_exponent={replay.PriorityExponent}: algorithm.name={name} has no residual to prioritise "
                + "by; set it to 0, for the age alone");
        Require(config.Rollout.Lag == 0 || config.Rollout.N > 0,
            $"rollout.lag={config.Rollout.Lag}, but rollout.n=0 samples nothing; set one of them to another value");
        Require(config.Rollout.N > 0 || !config.Algorithm.FilterGroups.Enable,
            "algorithm.filter_groups samples until there are enough groups, but rollout.n=0 samples nothing");
    }

    private static IEnumerable<string> BootstrapNames => AlgorithmTable.Entries.Where(e => e.CanBootstrap)
        .Select(e => e.Name);

    private static void CheckBatches(RunConfig config)
    {
        int prompts = config.Data.TrainBatchSize;
        Require(config.Actor.PpoMiniBatchSize <= prompts,
            $"actor.ppo_mini_batch_size={config.Actor.PpoMiniBatchSize} prompts are more than a step has "
                + $"(data.train_batch_size={prompts})");
        Require(config.Critic.PpoMiniBatchSize <= prompts,
            $"critic.ppo_mini_batch_size={config.Critic.PpoMiniBatchSize} prompts are more than a step has "
                + $"(data.train_batch_size={prompts})");
        Require(config.Data.GenBatchSize == 0 || config.Data.GenBatchSize == prompts
            || config.Algorithm.FilterGroups.Enable,
            $"data.gen_batch_size={config.Data.GenBatchSize} is the prompts that dynamic sampling takes at a time; set "
                + "algorithm.filter_groups.enable=true, or data.train_batch_size");
        Require(!config.Reward.OverlongBuffer.Enable
            || config.Reward.OverlongBuffer.Len <= config.Data.MaxResponseLength,
            $"reward.overlong_buffer.len={config.Reward.OverlongBuffer.Len} is longer than the longest response, "
                + $"data.max_response_length={config.Data.MaxResponseLength}");
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new ConfigException(message);
        }
    }
}
