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
    /// <summary>Applies the configuration's treatment of rewards, of truncated responses and of graders that failed.</summary>
    /// <param name="trajectories">In the order of the rollout.</param>
    /// <param name="verdicts">One per trajectory.</param>
    /// <param name="config">The configuration.</param>
    /// <exception cref="DataException">A grader failed and <c>reward.on_error=stop</c>.</exception>
    public TrajectoryBatch(IReadOnlyList<Trajectory> trajectories, IReadOnlyList<Verdict> verdicts, RunConfig config)
    {
        BellmanConfig bellman = config.Algorithm.Tbrm;
        Trajectories = trajectories;
        Bootstrap = [.. trajectories.Select(t => t.End == TrajectoryEnd.Length && bellman.Truncation == "bootstrap")];
        IsGraded = Graded(verdicts, config.Reward.OnError);
        bool[] kept = [.. trajectories.Select((t, i) =>
            IsGraded[i] && t.ResponseIds.Length > 0 && !(t.End == TrajectoryEnd.Length && bellman.Truncation == "drop"))];
        LossTrajectories = kept.Count(k => k);
        Weights = [.. kept.Select(k => k ? 1.0 / LossTrajectories : 0)];
        IsRewarded = [.. kept.Select((k, i) => k && !Bootstrap[i])];
        Rewards = Reward(trajectories, verdicts, IsRewarded, bellman);
        Sequences = [.. trajectories.Select((t, i) => new ScoredSequence(t.PromptIds, t.ResponseIds, Bootstrap[i]))];
        int[] lengths = [.. trajectories.Select(t => t.Length)];
        MicroBatches = Engine.MicroBatches.Cut(lengths, config.Actor.PpoMaxTokenLenPerGpu, config.Actor.PpoMicroBatchSizePerGpu);
        ReferenceMicroBatches = config.Ref.LogProbMaxTokenLenPerGpu > 0
            ? Engine.MicroBatches.Cut(lengths, config.Ref.LogProbMaxTokenLenPerGpu) : MicroBatches;
        NonFinite = trajectories.Count(t => t.End == TrajectoryEnd.NonFinite);
    }

    /// <summary>In the order of the rollout.</summary>
    public IReadOnlyList<Trajectory> Trajectories { get; }

    /// <summary>Reward of each trajectory, as the objective sees it; 0 where there is none.</summary>
    public double[] Rewards { get; }

    /// <summary>1/|D|, or 0 for a trajectory that is not trained on.</summary>
    public double[] Weights { get; }

    /// <summary>|D|: the trajectories that are trained on.</summary>
    public int LossTrajectories { get; }

    /// <summary>Whether a trajectory has a score; false where its grader failed and <c>reward.on_error=drop</c>.</summary>
    public bool[] IsGraded { get; }

    /// <summary>Whether a trajectory is trained on and came to its end: what else there is has no reward.</summary>
    public bool[] IsRewarded { get; }

    /// <summary>Whether the value after the last token is subtracted.</summary>
    public bool[] Bootstrap { get; }

    /// <summary>What is scored.</summary>
    public ScoredSequence[] Sequences { get; }

    /// <summary>Ranges of trajectories, of the update.</summary>
    public IReadOnlyList<Range> MicroBatches { get; }

    /// <summary>Ranges of trajectories, of the reference pass.</summary>
    public IReadOnlyList<Range> ReferenceMicroBatches { get; }

    /// <summary>Trajectories whose logits were NaN or infinite.</summary>
    public int NonFinite { get; }

    /// <summary>The packed sequences of a micro-batch.</summary>
    public PackedBatch Pack(Range range) => new(Sequences[range]);

    private static bool[] Graded(IReadOnlyList<Verdict> verdicts, string onError)
    {
        bool[] graded = [.. verdicts.Select(v => !v.IsFailure)];
        if (onError == "stop" && Array.IndexOf(graded, false) is >= 0 and int first)
        {
            Verdict verdict = verdicts[first];
            throw new DataException($"the grader failed on {graded.Count(g => !g)} of {graded.Length} responses of this step; response {first + 1}: "
                + $"{verdict.Status}{(verdict.Detail is { } detail ? ", " + detail : FormattableString.Invariant($", score {verdict.Score}"))}. "
                + "Mend the grader, or let reward.on_error=drop leave such responses out (it is stop)");
        }

        return onError == "zero" ? [.. graded.Select(_ => true)] : graded;
    }

    /// <summary>A score 0 stands for a truncated response that is to get none, and for a grader that failed; scale and shift follow.</summary>
    private static double[] Reward(IReadOnlyList<Trajectory> trajectories, IReadOnlyList<Verdict> verdicts, bool[] rewarded, BellmanConfig bellman)
    {
        double[] rewards = new double[verdicts.Count];
        for (int i = 0; i < rewards.Length; i++)
        {
            bool isZero = verdicts[i].IsFailure || (trajectories[i].End == TrajectoryEnd.Length && bellman.Truncation == "zero_reward");
            rewards[i] = rewarded[i] ? bellman.RewardScale * (isZero ? 0 : verdicts[i].Score) + bellman.RewardShift : 0;
        }

        if (bellman.RewardNormalization == "group_mean")
        {
            Dictionary<int, double> means = Enumerable.Range(0, rewards.Length).Where(i => rewarded[i])
                .GroupBy(i => trajectories[i].Group).ToDictionary(g => g.Key, g => Mean([.. g.Select(i => rewards[i])]));
            rewards = [.. rewards.Select((r, i) => rewarded[i] ? r - means[trajectories[i].Group] : 0)];
        }

        return rewards;
    }

    /// <summary>Of equal rewards exactly that reward: what is left of them is 0, not the rounding of their sum.</summary>
    private static double Mean(double[] rewards) => rewards[0] + rewards.Average(r => r - rewards[0]);
}
