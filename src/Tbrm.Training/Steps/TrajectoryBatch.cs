using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core;
using Tbrm.Engine;

namespace Tbrm.Training;

/// <summary>
/// The trajectories of a step, ready for the update: rewards after scaling and normalisation, weights in the mean, and the micro-batches
/// of the reference pass and of the update.
/// </summary>
public sealed class TrajectoryBatch
{
    /// <summary>Applies the configuration's treatment of rewards and of truncated responses.</summary>
    public TrajectoryBatch(IReadOnlyList<Trajectory> trajectories, IReadOnlyList<double> scores, RunConfig config)
    {
        BellmanConfig bellman = config.Algorithm.Tbrm;
        Trajectories = trajectories;
        Bootstrap = [.. trajectories.Select(t => t.End == TrajectoryEnd.Length && bellman.Truncation == "bootstrap")];
        Rewards = Reward(trajectories, scores, bellman);
        bool[] kept = [.. trajectories.Select(t => t.ResponseIds.Length > 0 && !(t.End == TrajectoryEnd.Length && bellman.Truncation == "drop"))];
        int count = kept.Count(k => k);
        Weights = [.. kept.Select(k => k ? 1f / count : 0f)];
        Sequences = [.. trajectories.Select((t, i) => new ScoredSequence(t.PromptIds, t.ResponseIds, Bootstrap[i]))];
        int[] lengths = [.. trajectories.Select(t => t.Length)];
        MicroBatches = Engine.MicroBatches.Cut(lengths, config.Actor.PpoMaxTokenLenPerGpu, config.Actor.PpoMicroBatchSizePerGpu);
        ReferenceMicroBatches = config.Ref.LogProbMaxTokenLenPerGpu > 0
            ? Engine.MicroBatches.Cut(lengths, config.Ref.LogProbMaxTokenLenPerGpu) : MicroBatches;
        NonFinite = trajectories.Count(t => t.End == TrajectoryEnd.NonFinite);
    }

    /// <summary>In the order of the rollout.</summary>
    public IReadOnlyList<Trajectory> Trajectories { get; }

    /// <summary>Reward of each trajectory, as the objective sees it.</summary>
    public float[] Rewards { get; }

    /// <summary>1/|D|, or 0 for a dropped trajectory.</summary>
    public float[] Weights { get; }

    /// <summary>Whether the value after the last token is subtracted.</summary>
    public bool[] Bootstrap { get; }

    /// <summary>What is scored.</summary>
    public ScoredSequence[] Sequences { get; }

    /// <summary>Ranges of trajectories, of the update.</summary>
    public IReadOnlyList<Range> MicroBatches { get; }

    /// <summary>Ranges of trajectories, of the reference pass.</summary>
    public IReadOnlyList<Range> ReferenceMicroBatches { get; }

    /// <summary>Trajectories whose logits were no numbers.</summary>
    public int NonFinite { get; }

    /// <summary>The packed sequences of a micro-batch.</summary>
    public PackedBatch Pack(Range range) => new(Sequences[range]);

    private static float[] Reward(IReadOnlyList<Trajectory> trajectories, IReadOnlyList<double> scores, BellmanConfig bellman)
    {
        double[] rewards = [.. scores.Select((s, i) => trajectories[i].End == TrajectoryEnd.Length && bellman.Truncation == "zero_reward"
            ? 0 : bellman.RewardScale * s + bellman.RewardShift)];
        if (bellman.RewardNormalization == "group_mean")
        {
            Dictionary<int, double> means = trajectories.Select((t, i) => (t.Group, Reward: rewards[i]))
                .GroupBy(p => p.Group).ToDictionary(g => g.Key, g => g.Average(p => p.Reward));
            rewards = [.. rewards.Select((r, i) => r - means[trajectories[i].Group])];
        }

        return Array.ConvertAll(rewards, r => (float)r);
    }
}
