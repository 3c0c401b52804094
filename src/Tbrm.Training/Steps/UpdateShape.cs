using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Data.Sampling;

namespace Tbrm.Training.Steps;

/// <summary>How the updates of a model are cut.</summary>
/// <param name="MiniBatchPrompts">Prompts per update; 0 = all of the step.</param>
/// <param name="Epochs">Passes over the step.</param>
/// <param name="MaxTokens">Tokens per micro-batch.</param>
/// <param name="MaxSequences">Trajectories per micro-batch; 0 = as many as the tokens allow.</param>
/// <param name="Horizon">Longest response, by which Dr.GRPO's loss divides.</param>
public sealed record UpdateShape(int MiniBatchPrompts, int Epochs, int MaxTokens, int MaxSequences, int Horizon)
{
    private const long UpdatesPerStep = 1_000_000;

    /// <summary>Keys the order in which an epoch's mini-batches take the trajectories; null = the order of the
    /// rollout.</summary>
    public int? ShuffleSeed { get; init; }

    /// <summary>Whether a prompt's trajectories stay together when shuffled: where the loss compares them with each
    /// other.</summary>
    public bool KeepsGroups { get; init; }

    /// <summary>
    /// The order of an epoch: trajectory by trajectory, as verl shuffles, or group by group. It follows from seed, step
    /// and number
    /// alone, so nothing of it is in a checkpoint. Null where nothing is shuffled: one mini-batch is the whole step.
    /// </summary>
    /// <param name="batch">The step's trajectories.</param>
    /// <param name="step">Its number.</param>
    /// <param name="updates">Updates that the step has tried before this epoch.</param>
    internal int[]? Order(TrajectoryBatch batch, long step, int updates)
    {
        if (ShuffleSeed is not { } seed || batch.MiniBatches(MiniBatchPrompts).Count < 2)
        {
            return null;
        }

        long number = (step * UpdatesPerStep) + updates;
        IReadOnlyList<Range> groups = batch.MiniBatches(1);
        return KeepsGroups
            ? [.. SeededPermutation.OfMiniBatches(groups.Count, (ulong)seed, number)
                .SelectMany(g => Enumerable.Range(groups[g].Start.Value, groups[g].End.Value - groups[g].Start.Value))]
            : SeededPermutation.OfMiniBatches(batch.Trajectories.Count, (ulong)seed, number);
    }
}
