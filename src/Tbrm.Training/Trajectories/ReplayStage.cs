using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Rollouts;
using Tbrm.Data.Replay;
using Tbrm.Data.Sampling;
using Tbrm.Training.Config;
using Tbrm.Training.Prompts;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Trajectories;

/// <summary>
/// The trajectories of a step's updates from several sources: the step's own rollout, the replay buffer, files. With a
/// buffer and no shares it is
/// ReVal's loop (arXiv 2603.23355, section 4.3): sample, push, one update on what was sampled, K - 1 on samples of the
/// whole buffer.
/// </summary>
internal sealed class ReplayStage : IStepSource
{
    private readonly SampleStage? _rollout;
    private readonly IGradeStage _grades;
    private readonly Action<IReadOnlyList<EncodedPrompt>> _prepare;
    private readonly IReadOnlyList<(FileSource Source, double Share)> _files;
    private readonly ReplayPool? _pool;
    private readonly ReplayMix _mix;
    private readonly RunConfig _config;
    private readonly int _batchSize;
    private readonly List<(ReplayEntry<ReplayUnit> Entry, TrajectoryRecord[] Records,
        ReferenceScores?[] Reference)> _taken = [];
    private ReplayMark<ReplayUnit>? _mark;
    private SamplerState[] _stood = [];
    private long _version;
    private CancellationToken _stop;

    /// <summary>Ties the sources together.</summary>
    /// <param name="rollout">Samples; null when nothing is sampled.</param>
    /// <param name="grades">Grades the rows of files that have no reward.</param>
    /// <param name="prepare">Sees the prompts of files before they are learned from (V* of A*-PO).</param>
    /// <param name="files">The files with their shares.</param>
    /// <param name="pool">The buffer; null without one.</param>
    /// <param name="config">The configuration.</param>
    public ReplayStage(SampleStage? rollout, IGradeStage grades, Action<IReadOnlyList<EncodedPrompt>> prepare,
        IReadOnlyList<(FileSource Source, double Share)> files,
        ReplayPool? pool, RunConfig config)
    {
        _rollout = rollout;
        _grades = grades;
        _prepare = prepare;
        _files = files;
        _pool = pool;
        _config = config;
        _mix = ReplayMix.Of(config);
        _batchSize = _mix.BatchSize(config);
    }

    /// <inheritdoc/>
    public int Updates => _config.Replay.Updates;

    /// <inheritdoc/>
    public StepBeginning? Begin(long step, long version, Func<StepSample, StepSample> complete, CancellationToken stop)
    {
        (_version, _stop) = (version, stop);
        _mark = _pool?.Mark();
        _stood = [.. _files.Select(f => f.Source.State)];
        if (_rollout is null)
        {
            return Compose(null) is { } first ? new(first, IsSampled: false) : null;
        }

        if (_rollout.Begin(step, version, complete, stop) is not { } beginning)
        {
            return null;
        }

        if (_mix.IsFirstOnline)
        {
            Push(beginning.Sample);
        }

        return beginning;
    }

    /// <inheritdoc/>
    public StepSample Batch(StepBeginning beginning, long step, int update)
    {
        bool isWhole = update == 0 && (!beginning.IsSampled || _mix.IsFirstOnline);
        return isWhole ? beginning.Sample
            : Compose(beginning.IsSampled ? beginning.Sample : null)
            ?? throw new DataException(
                $"step {step}: there is nothing to learn from: neither the buffer nor a file has a trajectory; give "
                    + $"online a share in replay.mix");
    }

    /// <inheritdoc/>
    public void Learned(StepSample batch, IReadOnlyList<double> residuals)
    {
        foreach ((ReplayEntry<ReplayUnit> entry, TrajectoryRecord[] records, ReferenceScores?[] before) in _taken)
        {
            HashSet<TrajectoryRecord> own = [.. records];
            double[] found = [.. Enumerable.Range(0, residuals.Count).Where(i => own.Contains(batch.Records[i]))
                .Select(i => Math.Abs(residuals[i]))];
            // The ref stage replaces a record's trajectory where it computed the reference's log-probs.
            bool isRescored = before.Zip(records).Any(p => !ReferenceEquals(p.First, p.Second.Trajectory.Reference));
            _pool!.Learned(entry, records, isRescored, found.Length > 0 ? found.Average() : null);
        }

        _taken.Clear();
    }

    /// <inheritdoc/>
    public void End(StepBeginning beginning)
    {
        if (beginning.IsSampled && !_mix.IsFirstOnline)
        {
            Push(beginning.Sample);
        }

        _pool?.Tidy();
    }

    /// <inheritdoc/>
    public void Abandon()
    {
        _taken.Clear();
        if (_mark is not null)
        {
            _pool!.Return(_mark);
        }

        for (int i = 0; i < _stood.Length; i++)
        {
            _files[i].Source.Restore(_stood[i]);
        }
    }

    private void Push(StepSample sample)
    {
        if (_pool is null)
        {
            return;
        }

        double[] rewards = new TrajectoryBatch(
            sample.Trajectories, [.. sample.Graded.Select(j => j.Grade)], _config).Rewards;
        _pool.Add([.. sample.Trajectories.Select((t, i) =>
            new TrajectoryRecord(sample.Prompts[t.Group], t, sample.Graded[i]) { Reward = rewards[i] })], _version);
    }

    /// <summary>A batch by the shares; null when there is nothing in it.</summary>
    private StepSample? Compose(StepSample? sampled)
    {
        List<IReadOnlyList<TrajectoryRecord>> groups = [];
        if (sampled is not null && _mix.Online > 0 && !_mix.IsFirstOnline)
        {
            groups.AddRange(sampled.Trajectories.Select(
                (t, i) => (t.Group, Record: new TrajectoryRecord(sampled.Prompts[t.Group], t, sampled.Graded[i])))
                .GroupBy(p => p.Group, p => p.Record).Select(g => (IReadOnlyList<TrajectoryRecord>)[.. g]));
        }

        if (_pool is not null)
        {
            int wanted = _mix.IsFirstOnline ? sampled!.Trajectories.Count : (int)Math.Round(_mix.Buffer * _batchSize);
            foreach (ReplayEntry<ReplayUnit> entry in _pool.Sample(wanted, _version))
            {
                TrajectoryRecord[] records = _pool.Records(entry);
                _taken.Add((entry, records, [.. records.Select(r => r.Trajectory.Reference)]));
                groups.Add(records);
            }
        }

        foreach ((FileSource source, _) in _files)
        {
            if (source.Next() is not { } next)
            {
                return null;
            }

            groups.AddRange(next);
        }

        return groups.Count == 0 ? null : Graded(groups);
    }

    /// <summary>The groups as a sample; rows of files that have no grade get one, and keep it.</summary>
    private StepSample Graded(List<IReadOnlyList<TrajectoryRecord>> groups)
    {
        EncodedPrompt[] prompts = [.. groups.Select(g => g[0].Prompt)];
        _prepare(prompts);
        TrajectoryRecord[] records = [.. groups.SelectMany(g => g)];
        Trajectory[] trajectories = [.. groups.SelectMany((g, i) => g.Select(r => r.Trajectory with { Group = i }))];
        int[] ungraded = [.. Enumerable.Range(0, records.Length).Where(i => records[i].Graded is null)];
        GradedResponse[] grades = ungraded.Length == 0 ? []
            : _grades.Grade(prompts, [.. ungraded.Select(i => trajectories[i])], _stop);
        for (int i = 0; i < ungraded.Length; i++)
        {
            records[ungraded[i]].Graded = grades[i];
        }

        return new(prompts, trajectories, [.. records.Select(r => r.Graded!)])
        {
            Records = records,
            KnownRewards = [.. records.Select(r => r.Reward)]
        };
    }
}
