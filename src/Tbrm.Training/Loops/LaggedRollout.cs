using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using Tbrm.Core.Rollouts;
using Tbrm.Engine.Checkpoint;
using Tbrm.Engine.Models;
using Tbrm.Engine.Rollout;
using Tbrm.Training.Plans;
using Tbrm.Training.Prompts;
using Tbrm.Training.Runs;
using Tbrm.Training.Sessions;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Loops;

/// <summary>
/// A rollout that samples from the weights of some updates ago: what an asynchronous engine does by accident of its
/// timing, here by a number. One
/// more policy is in memory; the weights in between are on disk (<see cref="WeightHistory"/>).
/// </summary>
internal sealed class LaggedRollout : IRollout, IDisposable
{
    private readonly TrainingSession _session;
    private readonly WeightHistory _history;
    private readonly Func<long> _version;
    private readonly CheckpointStore _checkpoints;
    private readonly Policy _behaviour;
    private readonly RolloutStage _rollout;
    private long _loaded = -1;

    /// <summary>Over a run's policy as it is now, which is saved as its version.</summary>
    /// <param name="run">The run.</param>
    /// <param name="version">Updates that the policy has behind it.</param>
    public LaggedRollout(OpenRun run, Func<long> version)
    {
        _session = run.Session;
        _version = version;
        _history = new(WeightHistory.PathIn(run.Folder), _session.Config.Rollout.Lag);
        _checkpoints = new(OpenRun.CheckpointRoot(_session.Config.Trainer, run.Folder), keep: 0);
        _history.RewindTo(version());
        _history.Save(_session.Policy, version());
        _behaviour = _session.Policy.CloneFrozen();
        _rollout = new(_behaviour, _session.Tokenizer, _session.Config, _session.StopIds,
            MemoryPlan.HeldBytes(_session.Policy, _session.Config));
    }

    /// <summary>Forgets the weights of a run that was in the folder before.</summary>
    public static void Forget(RunFolder folder)
    {
        if (Directory.Exists(WeightHistory.PathIn(folder)))
        {
            DiskErrors.Translated($"deleting {WeightHistory.PathIn(folder)}",
                () => Directory.Delete(WeightHistory.PathIn(folder), recursive: true));
        }
    }

    /// <inheritdoc/>
    public long Preemptions => _rollout.Preemptions;

    /// <inheritdoc/>
    public long GeneratedTokens => _rollout.GeneratedTokens;

    /// <inheritdoc/>
    public IReadOnlyList<Trajectory> Sample(IReadOnlyList<EncodedPrompt> prompts, int n, long firstId,
        Action<RolloutProgress>? progress, CancellationToken stop)
    {
        LookBack();
        return [.. _rollout.Sample(prompts, n, firstId, progress, stop)
            .Select(t => t with { WeightVersion = _loaded })];
    }

    /// <inheritdoc/>
    public IReadOnlyList<Trajectory> Greedy(IReadOnlyList<EncodedPrompt> prompts, Action<RolloutProgress>? progress,
        CancellationToken stop)
    {
        LookBack();
        return [.. _rollout.Greedy(prompts, progress, stop).Select(t => t with { WeightVersion = _loaded })];
    }

    /// <inheritdoc/>
    public void ReleasePages() => _rollout.ReleasePages();

    /// <summary>A step is made: the weights that it led to are kept, and those that nobody needs are not.</summary>
    public void Settle()
    {
        _history.Save(_session.Policy, _version());
        _history.Prune(_version(),
            _checkpoints.Steps().Select(s => StepState.Read(_checkpoints.FolderOf(s)).WeightVersion ?? 0));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _rollout.Dispose();
        _behaviour.Dispose();
    }

    private void LookBack()
    {
        long version = _history.Find(_version());
        if (version != _loaded)
        {
            _history.Load(_behaviour, version);
            _loaded = version;
        }
    }
}
