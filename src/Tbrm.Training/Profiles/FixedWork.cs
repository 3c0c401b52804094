using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;
using Tbrm.Engine.Rollout;
using Tbrm.Training.Prompts;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Profiles;

/// <summary>The prompts, grades and lengths of a profiled step, the same for every algorithm.</summary>
internal static class FixedWork
{
    private const ulong Stream = 0x70726f66696c65;

    /// <summary>So many prompts of one length, of ids without meaning.</summary>
    public static IReadOnlyList<EncodedPrompt> Prompts(int count, int length, int vocabulary) =>
    [
        .. Enumerable.Range(0, count).Select(i => new EncodedPrompt(
            new()
            {
                DataSource = "profile", Messages = [new("user", "")], GroundTruth = GroundTruth.Of(""), Index = i,
            },
            Ids(i, length, vocabulary))),
    ];

    /// <summary>Ids that are a function of <paramref name="key"/>.</summary>
    public static int[] Ids(long key, int length, int vocabulary)
    {
        ulong state = Stream ^ ((ulong)key * 0x9e3779b97f4a7c15);
        int[] ids = new int[length];
        for (int i = 0; i < length; i++)
        {
            // SplitMix64.
            state += 0x9e3779b97f4a7c15;
            ulong z = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
            z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
            ids[i] = (int)((z ^ (z >> 31)) % (ulong)vocabulary);
        }

        return ids;
    }
}

/// <summary>The rollout of a profile: responses go on to their longest length, and count as whole.</summary>
internal sealed class FixedRollout(IRollout rollout) : IRollout
{
    /// <inheritdoc/>
    public long Preemptions => rollout.Preemptions;

    /// <inheritdoc/>
    public long GeneratedTokens => rollout.GeneratedTokens;

    /// <inheritdoc/>
    public IReadOnlyList<Trajectory> Sample(IReadOnlyList<EncodedPrompt> prompts, int n, long firstId,
        Action<RolloutProgress>? progress, CancellationToken stop) =>
        Whole(rollout.Sample(prompts, n, firstId, progress, stop));

    /// <inheritdoc/>
    public IReadOnlyList<Trajectory> Greedy(IReadOnlyList<EncodedPrompt> prompts, Action<RolloutProgress>? progress,
        CancellationToken stop) => Whole(rollout.Greedy(prompts, progress, stop));

    /// <inheritdoc/>
    public void ReleasePages() => rollout.ReleasePages();

    private static IReadOnlyList<Trajectory> Whole(IReadOnlyList<Trajectory> sampled) =>
        [.. sampled.Select(t => t with { End = TrajectoryEnd.Stop })];
}

/// <summary>Every other response is right.</summary>
internal sealed class FixedGrades : IGradeStage
{
    /// <inheritdoc/>
    public GradedResponse[] Grade(IReadOnlyList<EncodedPrompt> prompts, IReadOnlyList<Trajectory> trajectories,
        CancellationToken stop) =>
        [.. trajectories.Select(t => new GradedResponse("", new(t.Id & 1, GradeStatus.Ok)))];
}

/// <summary>Trajectories with the reference's numbers, as a file brings them: nothing is sampled.</summary>
internal sealed class KnownTrajectories(IReadOnlyList<EncodedPrompt> prompts, int length, int vocabulary) : IStepSource
{
    /// <inheritdoc/>
    public int Updates => 1;

    /// <inheritdoc/>
    public StepBeginning? Begin(long step, long version, Func<StepSample, StepSample> complete, CancellationToken stop)
    {
        Trajectory[] trajectories = [.. prompts.Select((p, i) => Of(step * prompts.Count + i, i, p))];
        return new(complete(new(prompts, trajectories, new FixedGrades().Grade(prompts, trajectories, stop))),
            IsSampled: false);
    }

    /// <inheritdoc/>
    public StepSample Batch(StepBeginning beginning, long step, int update) => beginning.Sample;

    /// <inheritdoc/>
    public void Learned(StepSample batch, IReadOnlyList<double> residuals)
    {
    }

    /// <inheritdoc/>
    public void End(StepBeginning beginning)
    {
    }

    /// <inheritdoc/>
    public void Abandon()
    {
    }

    private Trajectory Of(long id, int group, EncodedPrompt prompt) => new()
    {
        Id = id,
        Group = group,
        PromptIds = prompt.Ids,
        ResponseIds = FixedWork.Ids(~id, length, vocabulary),
        Logp = [],
        ProcessedLogp = [],
        End = TrajectoryEnd.Stop,
        Reference = new(new float[length], 0, 0, Version: 0),
    };
}
