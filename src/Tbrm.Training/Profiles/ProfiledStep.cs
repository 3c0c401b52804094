using System;
using System.Collections.Generic;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine;
using Tbrm.Engine.Models;
using Tbrm.Engine.Rollout;
using Tbrm.Objectives;
using Tbrm.Training.Plans;
using Tbrm.Training.Progress;
using Tbrm.Training.Prompts;
using Tbrm.Training.Sessions;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Profiles;

/// <summary>The models and the step of a run, over prompts, grades and lengths that are the same for every
/// algorithm.</summary>
internal sealed class ProfiledStep : IDisposable
{
    private const float Spread = 0.02f;

    /// <summary>Steps that the schedules count on; none of them is special.</summary>
    private const int Steps = 1000;

    private readonly List<IDisposable> _owned = [];
    private readonly TrainStep _step;
    private long _made;

    /// <summary>Allocates the models as a run does.</summary>
    public ProfiledStep(EngineDevice device, ProfileSetting setting, PhaseClock clock)
    {
        RunConfig config = HeadBudget.Resolve(setting.Config, device);
        try
        {
            AlgorithmSelection algorithm = AlgorithmSelection.Of(config);
            Require(setting, algorithm);
            ulong seed = (ulong)config.Trainer.Seed;
            PolicyOptions options = setting.Options with { HeadBudgetBytes = HeadBudget.Bytes(config) };
            Policy policy = Own(Policy.CreateRandom(device, setting.Shape.Architecture,
                options with { Trainable = setting.Adapter is null }, seed, Spread));
            if (setting.Adapter is { } adapter)
            {
                policy.AttachAdapter(adapter, trainable: true, seed);
            }

            bool isOffline = setting.Opponent.Form == OpponentForm.KnownReference;
            ReferencePolicy? reference = algorithm.NeedsReference && !isOffline ? Own(ReferencePolicy.Of(policy))
                : null;
            TrainedPolicy actor = Own(new TrainedPolicy(policy, config.Actor, Steps));
            bool isShared = config.Critic.SharedTrunk;
            TrainedCritic? critic = algorithm.Critic is null || isShared ? null : Own(new TrainedCritic(
                NewCritic(policy, options, config.Critic, seed), (_, _) => { }, config.Critic, Steps));
            IReadOnlyList<EncodedPrompt> prompts = FixedWork.Prompts(config.Data.TrainBatchSize,
                config.Data.MaxPromptLength, policy.Architecture.VocabSize);
            IStepSource source = isOffline
                ? new KnownTrajectories(prompts, config.Data.MaxResponseLength, policy.Architecture.VocabSize)
                : new SampleStage(() => prompts, new FixedRollout(Own(Rollout(policy, config))), new FixedGrades(),
                    algorithm.Needs.HasFlag(Needs.BaselineRewards), config, clock, new SilentProgress());
            bool isRolloutExact = device.IsRolloutExact(config.Trainer.BatchInvariant);
            StepModels models = new(actor, critic, reference is null ? null : new ReferenceScorer(reference))
            {
                Shared = isShared ? new SharedCritic(policy) : null,
            };
            _step = new(models, source,
                algorithm, null, isRolloutExact, config, clock);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Makes one step.</summary>
    public void Run() => _ = _step.Run(++_made, default);

    /// <inheritdoc/>
    public void Dispose()
    {
        for (int i = _owned.Count - 1; i >= 0; i--)
        {
            _owned[i].Dispose();
        }

        _owned.Clear();
    }

    private static RolloutStage Rollout(Policy policy, RunConfig config) => new(policy, config, new SamplingOptions
    {
        MaxNewTokens = config.Data.MaxResponseLength,
        Temperature = (float)config.Rollout.Temperature,
        TopP = (float)config.Rollout.TopP,
        TopK = Math.Max(0, config.Rollout.TopK),
        MinP = (float)config.Rollout.MinP,
        RepetitionPenalty = (float)config.Rollout.RepetitionPenalty,
        Seed = (ulong)config.Trainer.Seed,
        SampledVocabSize = policy.Architecture.VocabSize,
        StopIds = Array.Empty<int>(),
        StopStrings = [],
    }, MemoryPlan.HeldBytes(policy, config));

    private static Critic NewCritic(Policy policy, PolicyOptions options, CriticConfig config, ulong seed)
    {
        AdapterOptions? adapter = AdapterOptions.Of(config.Model);
        Critic critic = Critic.FromPolicy(policy, options with { Trainable = adapter is null }, seed, Spread);
        try
        {
            if (adapter is not null)
            {
                critic.AttachAdapter(adapter, trainable: true, seed);
            }

            return critic;
        }
        catch
        {
            critic.Dispose();
            throw;
        }
    }

    /// <summary>What a profiled step does not have is refused by name.</summary>
    private static void Require(ProfileSetting setting, AlgorithmSelection algorithm)
    {
        string? what = algorithm.Needs.HasFlag(Needs.VStar) ? "needs stage 1, an estimate of V* for every prompt"
            : setting.Config.Rollout.Lag > 0 ? "rollout.lag needs a run folder"
            : setting.Config.Data.Trajectories.Count > 0 || setting.Config.Replay.Capacity > 0
                ? "data.trajectories and replay need a run folder" : null;
        if (what is not null)
        {
            throw new ConfigException(
                $"{setting.Opponent.Name} cannot be profiled: {what}; plan says what it takes");
        }
    }

    private T Own<T>(T one)
        where T : IDisposable
    {
        _owned.Add(one);
        return one;
    }
}
