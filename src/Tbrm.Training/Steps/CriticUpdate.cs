using System;
using Tbrm.Core.Config;
using Tbrm.Objectives;

namespace Tbrm.Training.Steps;

/// <summary>The updates of the critic: regression of its values on the returns.</summary>
public sealed class CriticUpdate(ITrainedCritic critic, IObjective objective, RunConfig config)
    : UpdateStage(critic, ShapeOf(config))
{
    /// <summary>Tokens and trajectories per micro-batch of the critic.</summary>
    public static (int MaxTokens, int MaxSequences) MicroBatchOf(RunConfig config) => (
        config.Critic.PpoMaxTokenLenPerGpu > 0 ? config.Critic.PpoMaxTokenLenPerGpu : config.Actor.PpoMaxTokenLenPerGpu,
        config.Critic.PpoMicroBatchSizePerGpu > 0 ? config.Critic.PpoMicroBatchSizePerGpu
            : config.Actor.PpoMicroBatchSizePerGpu);

    /// <inheritdoc/>
    protected override double Backpropagate(TrajectoryBatch batch, Range range, ObjectiveBatch part,
        ObjectiveMetrics metrics, UpdateResult result)
    {
        float[] values = critic.Values(batch.Pack(range), keep: true);
        ObjectiveResult evaluated = objective.Evaluate(part with { Values = Array.ConvertAll(values, v => (double)v) });
        critic.Backward(Array.ConvertAll(evaluated.DValues, d => (float)d));
        metrics.Add(evaluated.Metrics);
        return evaluated.Loss;
    }

    private static UpdateShape ShapeOf(RunConfig config)
    {
        (int tokens, int sequences) = MicroBatchOf(config);
        return new(
            config.Critic.PpoMiniBatchSize > 0 ? config.Critic.PpoMiniBatchSize : config.Actor.PpoMiniBatchSize,
            config.Critic.PpoEpochs > 0 ? config.Critic.PpoEpochs : config.Actor.PpoEpochs,
            tokens,
            sequences,
            config.Data.MaxResponseLength)
        {
            ShuffleSeed = config.Critic.Shuffle ?? config.Actor.Shuffle
                ? config.Critic.DataLoaderSeed ?? config.Actor.DataLoaderSeed : null,
            KeepsGroups = config.Critic.LossAggMode == LossAggregation.PromptMean,
        };
    }
}
