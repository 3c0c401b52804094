using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;
using Tbrm.Engine.Logprob;
using Tbrm.Objectives;

namespace Tbrm.Training.Steps;

/// <summary>
/// The trajectories of a step, ready for the update: rewards after scaling and normalisation, weights in the mean,
/// mini-batches, and the
/// micro-batches of passes and of updates.
/// </summary>
public sealed class TrajectoryBatch
{
    private readonly int[] _lengths;
    private readonly long[] _rowOffsets;

    /// <summary>Applies the configuration's treatment of rewards, of truncated responses and of graders that
    /// failed.</summary>
    /// <param name="trajectories">In the order of the rollout.</param>
    /// <param name="grades">One per trajectory.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="known">Rewards that their own groups gave, null for those that follow from the grades; empty: all
    /// of them do.</param>
    /// <exception cref="DataException">A grader failed and <c>reward.on_error=stop</c>.</exception>
    public TrajectoryBatch(IReadOnlyList<Trajectory> trajectories, IReadOnlyList<GradeResult> grades, RunConfig config,
        IReadOnlyList<double?>? known = null)
    {
        BellmanConfig bellman = config.Algorithm.Tbrm;
        Trajectories = trajectories;
        Bootstrap = [.. trajectories.Select(t => t.End == TrajectoryEnd.Length && bellman.Truncation == "bootstrap")];
        IsGraded = Graded(grades, config.Reward.OnError);
        bool[] kept = [.. trajectories.Select((t, i) =>
            IsGraded[i] && t.ResponseIds.Length > 0
                && !(t.End == TrajectoryEnd.Length && bellman.Truncation == "drop"))];
        LossTrajectories = kept.Count(k => k);
        Weights = [.. kept.Select(k => k ? 1.0 / LossTrajectories : 0)];
        IsRewarded = [.. kept.Select((k, i) => k && !Bootstrap[i])];
        Rewards = new StepRewards(config).Of(trajectories, grades, IsRewarded);
        for (int i = 0; i < (known?.Count ?? 0); i++)
        {
            Rewards[i] = IsRewarded[i] && known![i] is { } reward ? reward : Rewards[i];
        }

        RewardParts = [.. config.Algorithm.GdpoRewardKeys.Select(key =>
            (double[])[.. grades.Select((v, i) => IsRewarded[i] ? StepRewards.Part(v, key, i) : 0)])];
        Sequences = [.. trajectories.Select((t, i) => new ScoredSequence(t.PromptIds, t.ResponseIds, Bootstrap[i]))];
        _rowOffsets = OffsetsOf(Sequences);
        _lengths = [.. trajectories.Select(t => t.Length)];
        MicroBatches = Cut(0..trajectories.Count, config.Actor.PpoMaxTokenLenPerGpu,
            config.Actor.PpoMicroBatchSizePerGpu);
        ReferenceMicroBatches = config.Ref.LogProbMaxTokenLenPerGpu > 0
            ? Cut(0..trajectories.Count, config.Ref.LogProbMaxTokenLenPerGpu) : MicroBatches;
        NonFinite = trajectories.Count(t => t.End == TrajectoryEnd.NonFinite);
    }

    private TrajectoryBatch(TrajectoryBatch other, int[] order)
    {
        T[] Each<T>(IReadOnlyList<T> all) => all.Count == 0 ? [] : [.. order.Select(b => all[b])];
        Trajectories = Each(other.Trajectories);
        (Rewards, Weights, IsGraded) = (Each(other.Rewards), Each(other.Weights), Each(other.IsGraded));
        RewardParts = Array.ConvertAll(other.RewardParts, p => Each(p));
        (IsRewarded, Bootstrap, Sequences) = (Each(other.IsRewarded), Each(other.Bootstrap), Each(other.Sequences));
        (LossTrajectories, NonFinite, Ages) = (other.LossTrajectories, other.NonFinite, Each(other.Ages));
        (_lengths, _rowOffsets) = (Each(other._lengths), OffsetsOf(Sequences));
        (MicroBatches, ReferenceMicroBatches) = ([], []);
    }

    /// <summary>The same trajectories in another order, for an update: trajectory k is number
    /// <paramref name="order"/>[k] of this
    /// batch. Cuts of passes over the whole step are not kept.</summary>
    public TrajectoryBatch Reordered(int[] order) => new(this, order);

    /// <summary>In the order of the rollout.</summary>
    public IReadOnlyList<Trajectory> Trajectories { get; }

    /// <summary>Reward of each trajectory, as the objective sees it; 0 where there is none.</summary>
    public double[] Rewards { get; }

    /// <summary>The parts of the reward that algorithm.gdpo_reward_keys names, each [B], as the grader gave them; 0
    /// where there is
    /// no reward.</summary>
    public double[][] RewardParts { get; }

    /// <summary>1/|D|, or 0 for a trajectory that is not trained on.</summary>
    public double[] Weights { get; }

    /// <summary>|D|: the trajectories that are trained on.</summary>
    public int LossTrajectories { get; }

    /// <summary>Whether a trajectory has a score; false where its grader failed and
    /// <c>reward.on_error=drop</c>.</summary>
    public bool[] IsGraded { get; }

    /// <summary>Whether a trajectory is trained on and came to its end: what else there is has no reward.</summary>
    public bool[] IsRewarded { get; }

    /// <summary>Whether the value after the last token is subtracted.</summary>
    public bool[] Bootstrap { get; }

    /// <summary>What is scored.</summary>
    public ScoredSequence[] Sequences { get; }

    /// <summary>R: rows that are scored.</summary>
    public int RowCount => (int)_rowOffsets[^1];

    /// <summary>Ranges of trajectories, of a pass over the whole step, and of the update where that is one.</summary>
    public IReadOnlyList<Range> MicroBatches { get; }

    /// <summary>Ranges of trajectories, of the reference pass.</summary>
    public IReadOnlyList<Range> ReferenceMicroBatches { get; }

    /// <summary>Updates since each trajectory was sampled, [B]; null: by another policy. Empty: all of them are the
    /// present policy's.</summary>
    public IReadOnlyList<long?> Ages { get; init; } = [];

    /// <summary>Whether the present policy sampled a trajectory, so that its recorded log-probs are the
    /// trainer's.</summary>
    public bool IsCurrent(int trajectory) => Ages.Count == 0 || Ages[trajectory] == 0;

    /// <summary>Trajectories whose logits were NaN or infinite.</summary>
    public int NonFinite { get; }

    /// <summary>The rows of a trajectory that are actions: [begin, end).</summary>
    public (int Begin, int End) Actions(int trajectory)
    {
        int begin = (int)_rowOffsets[trajectory];
        return (begin, begin + Trajectories[trajectory].ResponseIds.Length);
    }

    /// <summary>The packed sequences of a micro-batch.</summary>
    public PackedBatch Pack(Range range) => new(Sequences[range]);

    /// <summary>Micro-batches of consecutive trajectories of a range.</summary>
    public IReadOnlyList<Range> Cut(Range range, int maxTokens, int maxSequences = 0)
    {
        int first = range.Start.Value;
        return [.. Engine.Logprob.MicroBatches.Cut(_lengths[range], maxTokens, maxSequences)
            .Select(r => (first + r.Start.Value)..(first + r.End.Value))];
    }

    /// <summary>Mini-batches of that many prompts with all their samples, the last one of what is left; 0 = the whole
    /// step.</summary>
    public IReadOnlyList<Range> MiniBatches(int prompts)
    {
        List<Range> all = [];
        int begin = 0, seen = 0;
        for (int i = 1; i <= Trajectories.Count; i++)
        {
            bool isEnd = i == Trajectories.Count || Trajectories[i].Group != Trajectories[i - 1].Group;
            if (isEnd && (++seen == prompts || i == Trajectories.Count))
            {
                all.Add(begin..i);
                (begin, seen) = (i, 0);
            }
        }

        return all;
    }

    /// <summary>What an objective or an estimator sees of the step before anything is scored.</summary>
    public ObjectiveBatch Columns() => new()
    {
        RowOffsets = _rowOffsets,
        RolloutLogp = Trajectories.All(t => t.Logp.Length == t.ResponseIds.Length) ? Rows(t => t.Logp) : [],
        Rewards = Rewards,
        RewardParts = RewardParts,
        Group = [.. Trajectories.Select(t => t.Group)],
        Weight = Weights,
        Bootstrap = Bootstrap,
    };

    /// <summary>One number per response token, spread over the rows; 0 on bootstrap rows.</summary>
    public double[] Rows(Func<Trajectory, IReadOnlyList<float>> perToken)
    {
        double[] rows = new double[RowCount];
        for (int b = 0; b < Trajectories.Count; b++)
        {
            IReadOnlyList<float> values = perToken(Trajectories[b]);
            for (int h = 0; h < values.Count; h++)
            {
                rows[_rowOffsets[b] + h] = values[h];
            }
        }

        return rows;
    }

    private static long[] OffsetsOf(ScoredSequence[] sequences)
    {
        long[] offsets = new long[sequences.Length + 1];
        for (int b = 0; b < sequences.Length; b++)
        {
            offsets[b + 1] = offsets[b] + sequences[b].Rows;
        }

        return offsets;
    }

    private static bool[] Graded(IReadOnlyList<GradeResult> grades, string onError)
    {
        bool[] graded = [.. grades.Select(v => !v.IsFailure)];
        if (onError == "stop" && Array.IndexOf(graded, false) is >= 0 and int first)
        {
            GradeResult grade = grades[first];
            string why = grade.Detail ?? FormattableString.Invariant($"score {grade.Score}");
            throw new DataException(
                $"the grader failed on {graded.Count(g => !g)} of {graded.Length} responses of this step; response "
                    + $"{first + 1}: "
                + $"{grade.Status}, {why}. "
                + "Mend the grader, or let reward.on_error=drop leave such responses out (it is stop)");
        }

        return onError == "zero" ? [.. graded.Select(_ => true)] : graded;
    }
}
