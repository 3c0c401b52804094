using System;
using Tbrm.Core.Config;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Plans;

/// <summary>The arithmetic of a run's batches. Tokens are upper bounds: every prompt and every response at its full
/// length.</summary>
public sealed record BatchPlan
{
    /// <summary>Prompts of a step.</summary>
    public required long Prompts { get; init; }

    /// <summary>Responses to each.</summary>
    public required long Samples { get; init; }

    /// <summary>Longest prompt and response together.</summary>
    public required long LongestSequence { get; init; }

    /// <summary>Longest response.</summary>
    public required long LongestResponse { get; init; }

    /// <summary>Trajectories of a micro-batch of full-length ones.</summary>
    public required long MicroBatchSequences { get; init; }

    /// <summary>Steps; null when neither the configuration nor the data say.</summary>
    public required long? Steps { get; init; }

    /// <summary>Updates of the policy in a step: mini-batches times epochs.</summary>
    public long UpdatesPerStep { get; init; } = 1;

    /// <summary>Updates of the policy in the run; null when its steps are not known.</summary>
    public long? Updates => Steps * UpdatesPerStep;

    /// <summary>Training prompts; null when they have no end or are not there.</summary>
    public required long? DataPrompts { get; init; }

    /// <summary>Trajectories of a step.</summary>
    public long Trajectories => Prompts * Samples;

    /// <summary>Tokens of a step at most.</summary>
    public long TokensPerStep => Trajectories * LongestSequence;

    /// <summary>Micro-batches of a step at most.</summary>
    public long MicroBatches => (Trajectories + MicroBatchSequences - 1) / MicroBatchSequences;

    /// <summary>Tokens of a micro-batch at most.</summary>
    public long MicroBatchTokens => MicroBatchSequences * LongestSequence;

    /// <summary>Rows that a micro-batch scores at most, a bootstrap row for each trajectory included.</summary>
    public long MicroBatchRows => MicroBatchSequences * (LongestResponse + 1);

    /// <summary>The same step in the micro-batches of the critic.</summary>
    public BatchPlan OfCritic(RunConfig config)
    {
        (int tokens, int sequences) = CriticUpdate.MicroBatchOf(config);
        return this with { MicroBatchSequences = Fit(Trajectories, LongestSequence, tokens, sequences) };
    }

    /// <summary>The same step in the micro-batches of the reference pass.</summary>
    public BatchPlan OfReferencePass(RefConfig config) => config.LogProbMaxTokenLenPerGpu == 0 ? this
        : this with
        {
            MicroBatchSequences = Math.Max(1,
            Math.Min(config.LogProbMaxTokenLenPerGpu / LongestSequence, Trajectories))
        };

    /// <summary>Steps in which every prompt is trained on once; the rest that fills no step is left out.</summary>
    public long? StepsPerEpoch => Prompts == 0 ? null : DataPrompts / Prompts;

    /// <summary>Tokens of the run at most.</summary>
    public long? TotalTokens => Steps * TokensPerStep;

    /// <summary>Of reinforcement steps.</summary>
    public static BatchPlan Train(RunConfig config, long? dataPrompts) =>
        Of(config, dataPrompts, config.Data.TrainBatchSize, Math.Max(1, config.Rollout.N),
            config.Trainer.TotalTrainingSteps >= 0 ? config.Trainer.TotalTrainingSteps
                : dataPrompts / config.Data.TrainBatchSize * config.Trainer.TotalEpochs)
            .Cut(config.Actor.PpoMiniBatchSize, config.Actor.PpoEpochs);

    /// <summary>Of supervised steps.</summary>
    public static BatchPlan Sft(RunConfig config, long? dataPrompts) =>
        Of(config, dataPrompts, config.Sft.TrainBatchSize, 1,
            config.Sft.TotalTrainingSteps > 0 ? config.Sft.TotalTrainingSteps
                : dataPrompts / config.Sft.TrainBatchSize * config.Trainer.TotalEpochs);

    /// <summary>Of an evaluation: one step, with every problem.</summary>
    public static BatchPlan Evaluation(RunConfig config, long? problems)
    {
        int response = config.Rollout.ValKwargs.MaxResponseLength > 0 ? config.Rollout.ValKwargs.MaxResponseLength
            : config.Data.MaxResponseLength;
        return new()
        {
            Prompts = problems ?? 0,
            Samples = config.Rollout.ValKwargs.N,
            LongestSequence = config.Data.MaxPromptLength + response,
            LongestResponse = response,
            MicroBatchSequences = 1,
            Steps = problems is null ? null : 1,
            DataPrompts = problems,
        };
    }

    private static BatchPlan Of(RunConfig config, long? dataPrompts, long prompts, long samples, long? steps)
    {
        long longest = config.Data.MaxPromptLength + config.Data.MaxResponseLength, trajectories = prompts * samples;
        return new()
        {
            Prompts = prompts,
            Samples = samples,
            LongestSequence = longest,
            LongestResponse = config.Data.MaxResponseLength,
            MicroBatchSequences =
                Fit(trajectories, longest, config.Actor.PpoMaxTokenLenPerGpu, config.Actor.PpoMicroBatchSizePerGpu),
            Steps = steps,
            DataPrompts = dataPrompts,
        };
    }

    /// <summary>Trajectories of a micro-batch: as many as the tokens allow, and never more than the limit (0 =
    /// none).</summary>
    private static long Fit(long trajectories, long longest, long maxTokens, long limit)
    {
        long fit = Math.Max(1, maxTokens / longest);
        return Math.Min(trajectories, limit > 0 ? Math.Min(fit, limit) : fit);
    }

    /// <summary>In mini-batches of so many prompts (0 = the whole step), so many times.</summary>
    private BatchPlan Cut(long miniBatchPrompts, long epochs)
    {
        long prompts = miniBatchPrompts > 0 ? Math.Min(miniBatchPrompts, Prompts) : Prompts;
        return this with
        {
            UpdatesPerStep = (Prompts + prompts - 1) / prompts * epochs,
            MicroBatchSequences = Math.Min(MicroBatchSequences, prompts * Samples),
        };
    }
}
