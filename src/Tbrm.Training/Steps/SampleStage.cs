using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;
using Tbrm.Engine.Rollout;
using Tbrm.Training.Progress;
using Tbrm.Training.Prompts;

namespace Tbrm.Training.Steps;

/// <summary>The prompts of a step with their graded trajectories.</summary>
/// <param name="Prompts">In order; a trajectory's group is its prompt's place here.</param>
/// <param name="Trajectories">n per prompt, samples of a prompt together.</param>
/// <param name="Graded">One grade per trajectory.</param>
public sealed record StepSample(IReadOnlyList<EncodedPrompt> Prompts, IReadOnlyList<Trajectory> Trajectories,
    GradedResponse[] Graded)
{
    /// <summary>Rewards that are known already, [B], null for those that follow from the grades; empty: all of them
    /// do.</summary>
    public IReadOnlyList<double?> KnownRewards { get; init; } = [];

    /// <summary>What the trajectories were taken from, [B]; empty: they were sampled just now.</summary>
    public IReadOnlyList<TrajectoryRecord> Records { get; init; } = [];

    /// <summary>Reward of the greedy response to each trajectory's prompt, [B]; empty when nobody asked.</summary>
    public double[] BaselineRewards { get; init; } = [];

    /// <summary>Batches of prompts that were sampled for it.</summary>
    public int Batches { get; init; } = 1;
}

/// <summary>
/// The gen and reward stages: samples trajectories of the present policy and grades them. With algorithm.filter_groups
/// (DAPO's dynamic sampling)
/// until there are enough prompts whose samples differ in their reward.
/// </summary>
/// <param name="next">The next batch of prompts; null when the data are at their end.</param>
/// <param name="rollout">Samples.</param>
/// <param name="reward">Grades.</param>
/// <param name="needsBaseline">Whether every prompt is also answered greedily (ReMax).</param>
/// <param name="config">The configuration.</param>
/// <param name="clock">Times the phases.</param>
/// <param name="progress">Told about responses.</param>
public sealed class SampleStage(Func<IReadOnlyList<EncodedPrompt>?> next, IRollout rollout, IGradeStage reward,
    bool needsBaseline, RunConfig config, PhaseClock clock,
    IProgressDisplay progress) : IStepSource
{
    /// <summary>Ids of a step's further batches are far from those of other steps.</summary>
    private const int BatchShift = 40;

    private readonly StepRewards _rewards = new(config);

    /// <inheritdoc/>
    public int Updates => 1;

    /// <inheritdoc/>
    public StepBeginning? Begin(long step, long version, Func<StepSample, StepSample> complete,
        CancellationToken stop) =>
        Run(step, stop) is not { } sample ? null
            : new(complete(sample with
            {
                Trajectories = [.. sample.Trajectories.Select(t =>
            t with { WeightVersion = t.WeightVersion ?? version })]
            }), IsSampled: true);

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

    /// <summary>Samples a step; null when the data are at their end.</summary>
    /// <exception cref="DataException">Too few groups differ in their reward within
    /// algorithm.filter_groups.max_num_gen_batches.</exception>
    public StepSample? Run(long step, CancellationToken stop)
    {
        FilterGroupsConfig filter = config.Algorithm.FilterGroups;
        if (!filter.Enable)
        {
            return Batch(step, 0, stop) is { } whole ? WithBaseline(step, whole, stop) : null;
        }

        StepSample kept = new([], [], []);
        for (int batch = 0; kept.Prompts.Count < config.Data.TrainBatchSize; batch++)
        {
            if (filter.MaxNumGenBatches > 0 && batch == filter.MaxNumGenBatches)
            {
                throw new DataException(
                    $"step {step}: {kept.Prompts.Count} of {config.Data.TrainBatchSize} prompts have samples that "
                        + $"differ in {filter.Metric} after "
                    + $"{batch} batches, as many as algorithm.filter_groups.max_num_gen_batches allows: the problems "
                    + $"are too hard or too easy; choose others, raise rollout.n or data.gen_batch_size, or raise the "
                    + $"limit (0 = none)");
            }

            if (Batch(step, batch, stop) is not { } more)
            {
                return null;
            }

            kept = Joined(kept, more,
                [.. Enumerable.Range(0, more.Prompts.Count).Where(g => IsKept(more, g))]) with
            { Batches = batch + 1 };
        }

        return WithBaseline(step, First(kept, config.Data.TrainBatchSize), stop);
    }

    private StepSample? Batch(long step, int batch, CancellationToken stop)
    {
        if (next() is not { } prompts)
        {
            return null;
        }

        // Ids are a function of the step, so that a resumed run samples what the first one would have sampled.
        long firstId = (step - 1) * config.Data.TrainBatchSize * config.Rollout.N + ((long)batch << BatchShift);
        IReadOnlyList<Trajectory> trajectories =
            clock.Measure("gen", () => rollout.Sample(prompts, config.Rollout.N, firstId, Show(step, "rollout"), stop));
        rollout.ReleasePages();
        return new(prompts, trajectories, clock.Measure("reward", () => reward.Grade(prompts, trajectories, stop)));
    }

    private StepSample WithBaseline(long step, StepSample sample, CancellationToken stop)
    {
        if (!needsBaseline)
        {
            return sample;
        }

        IReadOnlyList<Trajectory> greedy =
            clock.Measure("gen_max", () => rollout.Greedy(sample.Prompts, Show(step, "greedy"), stop));
        rollout.ReleasePages();
        GradedResponse[] graded = clock.Measure("reward", () => reward.Grade(sample.Prompts, greedy, stop));
        double[] rewards = [.. greedy.Select((t, i) => _rewards.Of(t, graded[i].Grade))];
        return sample with { BaselineRewards = [.. sample.Trajectories.Select(t => rewards[t.Group])] };
    }

    /// <summary>Whether the samples of a prompt differ in what is filtered by; one whose grader failed says
    /// nothing.</summary>
    private bool IsKept(StepSample sample, int group)
    {
        double[] values = [.. Enumerable.Range(0, sample.Trajectories.Count)
            .Where(i => sample.Trajectories[i].Group == group && !sample.Graded[i].Grade.IsFailure)
                .Select(i => ValueOf(sample.Trajectories[i], sample.Graded[i].Grade))];
        return config.Rollout.N == 1 ? values.Length == 1 : values.Distinct().Count() > 1;
    }

    private double ValueOf(Trajectory trajectory, GradeResult grade) => config.Algorithm.FilterGroups.Metric switch
    {
        "acc" => grade.Numbers?.TryGetValue("acc", out double acc) == true ? acc : grade.Score,
        "score" => grade.Score,
        _ => _rewards.Of(trajectory, grade),
    };

    /// <summary>Some groups of a batch behind those that are kept already.</summary>
    private static StepSample Joined(StepSample kept, StepSample more, IReadOnlyList<int> groups)
    {
        List<EncodedPrompt> prompts = [.. kept.Prompts];
        List<Trajectory> trajectories = [.. kept.Trajectories];
        List<GradedResponse> graded = [.. kept.Graded];
        foreach (int group in groups)
        {
            for (int i = 0; i < more.Trajectories.Count; i++)
            {
                if (more.Trajectories[i].Group == group)
                {
                    trajectories.Add(more.Trajectories[i] with { Group = prompts.Count });
                    graded.Add(more.Graded[i]);
                }
            }

            prompts.Add(more.Prompts[group]);
        }

        return new(prompts, trajectories, [.. graded]);
    }

    private static StepSample First(StepSample sample, int prompts)
    {
        int count = sample.Trajectories.Count(t => t.Group < prompts);
        return sample with
        {
            Prompts = [.. sample.Prompts.Take(prompts)],
            Trajectories = [.. sample.Trajectories.Take(count)],
            Graded = sample.Graded[..count],
        };
    }

    private Action<RolloutProgress> Show(long step, string phase) => p =>
        progress.Show($"step {step} {phase}", (double)p.Finished / p.Total,
            $"{p.Finished}/{p.Total} responses, {p.Tokens} tokens");
}
