using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using Tbrm.Core.Errors;
using Tbrm.Training.Comparisons;
using Tbrm.Training.Progress;

namespace Tbrm.Cli.Comparing;

/// <summary>Carries a plan out: trials, choice, first models, runs, measures; the page is written after every
/// run.</summary>
/// <param name="plan">What is run.</param>
/// <param name="samples">Answers to each held-out problem for pass@k and the divergence; 0: neither.</param>
/// <param name="page">Writes the page of the arms, with the trials.</param>
/// <param name="queue">Makes the runs.</param>
/// <param name="progress">For people.</param>
internal sealed class ComparisonRunner(ComparisonPlan plan, int samples,
    Action<IReadOnlyList<ComparedArm>, IReadOnlyList<TuningTrial>> page, RunQueue queue, IProgressDisplay progress)
{
    private IReadOnlyList<TuningTrial> _trials = [];

    /// <summary>Does what is left to do.</summary>
    /// <returns>Ok; Interrupted: the same command goes on; or that of the first run that failed, once the others are
    /// made.</returns>
    /// <exception cref="TbrmUserException">Every run failed.</exception>
    public ExitCode Run(CancellationToken stop)
    {
        plan.Settle();
        Dictionary<string, IReadOnlyList<string>> chosen = [];
        if (plan.Trials.Count > 0 && Tune(chosen, stop) is var tuned and not ExitCode.Ok)
        {
            return tuned;
        }

        foreach (long seed in plan.Seeds)
        {
            if (Make(Starts(plan.Arms, [seed]), stop) is var started and not ExitCode.Ok)
            {
                return started;
            }
        }

        // Seed by seed: what the machine does meanwhile is spread over the arms.
        QueuedRun[] runs = [.. from seed in plan.Seeds from arm in plan.Arms
            where HasStart(arm, seed, chosen) select RunOf(arm, seed, chosen)];
        ExitCode code = queue.Run(runs, _ => WritePage(), stop);
        if (code == ExitCode.Ok && samples > 0)
        {
            Measure(stop);
        }

        WritePage();
        return stop.IsCancellationRequested || code != ExitCode.Ok ? ExitCode.Interrupted
            : queue.Failures is not [var first, ..] ? ExitCode.Ok
            : Arms().Count > 0 ? first.Code
            : throw new TbrmUserException(first.Code, RunFailure.NoneMade(queue.Failures));
    }

    private QueuedRun RunOf(PlannedArm arm, long seed, Dictionary<string, IReadOnlyList<string>> chosen) =>
        plan.Run(arm, seed, chosen.GetValueOrDefault(arm.TunedAs, []));

    /// <summary>A run whose warm start failed has nothing to begin with: it has failed too.</summary>
    private bool HasStart(PlannedArm arm, long seed, Dictionary<string, IReadOnlyList<string>> chosen)
    {
        if (plan.Start(arm, seed) is not { } start
            || queue.Failures.FirstOrDefault(f => f.Run == start.Name) is not { } failure)
        {
            return true;
        }

        queue.Fail(RunOf(arm, seed, chosen), failure.Code, $"there is no model to begin with: {failure.Run} failed");
        return false;
    }

    /// <summary>The arms as far as they have runs.</summary>
    public IReadOnlyList<ComparedArm> Arms() =>
        [.. plan.Arms.Select(a => (Arm: a, Runs: Folders(a).Where(ComparedArm.IsRun)
        .Select(ComparedRun.Read).OrderBy(r => r.Seed).ToArray())).Where(a => a.Runs.Length > 0)
        .Select(a => new ComparedArm(a.Arm.Name, a.Runs) { Swept = a.Arm.Swept,
            Base = a.Arm.Swept is null ? a.Arm.Name : a.Arm.Base })];

    private IEnumerable<string> Folders(PlannedArm arm) => plan.Seeds.Select(s =>
        Path.Combine(plan.Folder, "runs", arm.Name, string.Create(CultureInfo.InvariantCulture, $"seed-{s}")));

    private void WritePage()
    {
        if (Arms() is { Count: > 0 } arms)
        {
            page(arms, _trials);
        }
    }

    private ExitCode Tune(Dictionary<string, IReadOnlyList<string>> chosen, CancellationToken stop)
    {
        // A sweep and controls are run with what the arm itself was tuned to.
        PlannedArm[] tuned = [.. plan.Arms.DistinctBy(a => a.TunedAs)];
        if (Make(Starts(tuned, plan.TuningSeeds), stop) is var started and not ExitCode.Ok)
        {
            return started;
        }

        QueuedRun[] runs = [.. from arm in tuned from number in Enumerable.Range(0, plan.Trials[arm.TunedAs].Count)
            from seed in plan.TuningSeeds select plan.Trial(arm, number, seed)];
        if (Make(runs, stop) is var made and not ExitCode.Ok)
        {
            return made;
        }

        List<TuningTrial> trials = [];
        foreach (PlannedArm arm in tuned)
        {
            TuningTrial[] of = [.. plan.Trials[arm.TunedAs]
                .Select((settings, number) => TrialOf(arm, settings, number))];
            int best = Enumerable.Range(0, of.Length)
                .MaxBy(i => of[i].Accuracy.Select(a => double.IsNaN(a) ? -1 : a).Average());
            chosen[arm.TunedAs] = plan.Trials[arm.TunedAs][best];
            trials.AddRange(of.Select((t, i) => t with { IsChosen = i == best }));
        }

        _trials = trials;
        return ExitCode.Ok;
    }

    private TuningTrial TrialOf(PlannedArm arm, IReadOnlyList<string> settings, int number)
    {
        ComparedRun?[] runs = [.. plan.TuningSeeds.Select(s => plan.Trial(arm, number, s).Folder)
            .Select(f => ComparedArm.IsRun(f) ? ComparedRun.Read(f) : null)];
        return new(arm.TunedAs, string.Join(' ', settings),
            [.. runs.Select(r => r?.Accuracy.Count > 0 ? r.Accuracy[^1].Value : double.NaN)],
            [.. runs.Select(r => r?.Ended ?? "not at its end")], IsChosen: false);
    }

    private IEnumerable<QueuedRun> Starts(IEnumerable<PlannedArm> arms, IReadOnlyList<long> seeds) =>
        (from seed in seeds from arm in arms select plan.Start(arm, seed)).OfType<QueuedRun>()
            .DistinctBy(r => r.Folder);

    private ExitCode Make(IEnumerable<QueuedRun> runs, CancellationToken stop) => queue.Run([.. runs], _ => { }, stop);

    private void Measure(CancellationToken stop)
    {
        foreach (PlannedArm arm in plan.Arms)
        {
            foreach (long seed in plan.Seeds)
            {
                string folder = Path.Combine(
                    plan.Folder, "runs", arm.Name, string.Create(CultureInfo.InvariantCulture, $"seed-{seed}"));
                if (stop.IsCancellationRequested || File.Exists(Path.Combine(folder, MeasureFiles.PassFile)))
                {
                    continue;
                }

                try
                {
                    FinalMeasures.Measure(ComparedRun.Read(folder), plan.FirstModel(arm, seed), samples, progress,
                        stop);
                }
                catch (OperationCanceledException) when (stop.IsCancellationRequested)
                {
                    return;
                }
                catch (TbrmUserException e) when (e is DataException or ConfigException)
                {
                    progress.Say($"tbrm-native: {arm.Name}, seed {seed}: not measured: {e.Message}");
                }
            }
        }
    }
}
