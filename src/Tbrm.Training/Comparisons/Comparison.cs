using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Errors;

namespace Tbrm.Training.Comparisons;

/// <summary>What an arm reached within a budget, and how that differs from the first arm's.</summary>
/// <param name="Accuracy">One value per seed, NaN where nothing was evaluated within the budget.</param>
/// <param name="Mean">Over the seeds that have a value.</param>
/// <param name="Difference">Against the first arm, pair by pair; null for the first arm, and where nothing is
/// paired.</param>
/// <param name="Early">Seeds of runs that ended before the budget was spent.</param>
public sealed record BudgetOutcome(IReadOnlyList<double> Accuracy, Interval Mean, Interval? Difference,
    IReadOnlyList<long> Early);

/// <summary>A trial of tuning: one configuration of the declared grid, on seeds that no result is reported
/// for.</summary>
/// <param name="Arm">The arm that was tuned.</param>
/// <param name="Settings">The grid's keys with their values.</param>
/// <param name="Accuracy">At the end, one per tuning seed; NaN where there is none.</param>
/// <param name="Ended">How each run ended.</param>
/// <param name="IsChosen">Whether the arm runs with it.</param>
public sealed record TuningTrial(string Arm, string Settings, IReadOnlyList<double> Accuracy,
    IReadOnlyList<string> Ended, bool IsChosen);

/// <summary>A run that was to be made and was not.</summary>
/// <param name="Run">Its folder in that of the comparison.</param>
/// <param name="Code">With which its process ended.</param>
/// <param name="Message">What it said last.</param>
public sealed record RunFailure(string Run, ExitCode Code, string Message)
{
    /// <summary>One sentence.</summary>
    public override string ToString() => $"{Run} failed with exit code {(int)Code}: {Message}";

    /// <summary>A sentence for the end, after each failure was told.</summary>
    public static string NoneMade(IReadOnlyList<RunFailure> failures)
    {
        ArgumentNullException.ThrowIfNull(failures);
        return $"no run was made: {failures.Count} failed, the first of them {failures[0].Run}";
    }
}

/// <summary>Which time of training steps a comparison counts.</summary>
public enum CostClock
{
    /// <summary>Wall time: right where a run has the machine for itself.</summary>
    Wall,

    /// <summary>Processor time of all threads: on a CPU that is shared.</summary>
    Processor,
}

/// <summary>Arms side by side under equal budgets.</summary>
public sealed class Comparison
{
    /// <param name="arms">At least one; the first is what the others are compared with.</param>
    /// <param name="tokens">The budget in tokens generated; null: the most that every run spent.</param>
    /// <param name="seconds">The budget in seconds of training steps; null: likewise.</param>
    /// <param name="clock">Which seconds count.</param>
    /// <exception cref="DataException">A run did not count the time that <paramref name="clock"/> asks for.</exception>
    public Comparison(IReadOnlyList<ComparedArm> arms, double? tokens = null, double? seconds = null,
        CostClock clock = CostClock.Wall)
    {
        (Arms, Clock) = (arms, clock);
        if (clock == CostClock.Processor && arms.SelectMany(a => a.Runs)
            .FirstOrDefault(r => double.IsNaN(r.Total.ProcessorSeconds)) is { } without)
        {
            throw new DataException($"{without.Folder.Root}: expected timing_cpu_s/step in the metrics of every step, "
                + "found steps without it: an earlier version made them; compare by wall time (--clock wall)");
        }

        // A run that diverged stays in; it ended early, so it sets no budget for the others.
        RunCost[] whole = [.. arms.SelectMany(a => a.Runs).Where(r => !r.IsDiverged).Select(r => r.Total)];
        Tokens = tokens ?? whole.Select(c => c.Tokens).DefaultIfEmpty(0).Min();
        Seconds = seconds ?? whole.Select(SecondsOf).DefaultIfEmpty(0).Min();
    }

    /// <summary>In order; the first is what the others are compared with.</summary>
    public IReadOnlyList<ComparedArm> Arms { get; }

    /// <summary>Trials that were made before; empty without tuning.</summary>
    public IReadOnlyList<TuningTrial> Trials { get; init; } = [];

    /// <summary>Runs that are missing because they failed; a repeated command tries them again.</summary>
    public IReadOnlyList<RunFailure> Failures { get; init; } = [];

    /// <summary>The key that a sweep went through; null without one.</summary>
    public string? Sweep { get; init; }

    /// <summary>Runs at the same time, which makes seconds longer than they are alone.</summary>
    public int Parallel { get; init; } = 1;

    /// <summary>The budget in tokens generated.</summary>
    public double Tokens { get; }

    /// <summary>The budget in seconds of training steps, by <see cref="Clock"/>.</summary>
    public double Seconds { get; }

    /// <summary>Which seconds count.</summary>
    public CostClock Clock { get; }

    /// <summary>What the seconds are called.</summary>
    public string SecondsName => Clock == CostClock.Processor ? "processor seconds" : "seconds";

    /// <summary>The seconds of a cost, by <see cref="Clock"/>.</summary>
    public double SecondsOf(RunCost cost) => Clock == CostClock.Processor ? cost.ProcessorSeconds : cost.Seconds;

    /// <summary>Within the budget of tokens.</summary>
    public BudgetOutcome ByTokens(ComparedArm arm) => Within(arm, Tokens, c => c.Tokens);

    /// <summary>Within the budget of seconds.</summary>
    public BudgetOutcome BySeconds(ComparedArm arm) => Within(arm, Seconds, SecondsOf);

    /// <summary>Why pairs of an arm and the first are none: a sentence per seed.</summary>
    public IReadOnlyList<string> Unpaired(ComparedArm arm) =>
        [.. Shared(arm).Select(p => ComparedArm.WhyUnpaired(p.First, p.Second) is { } why
            ? FormattableString.Invariant($"{arm.Name}, seed {p.Second.Seed}: {why}") : null).OfType<string>()];

    /// <summary>Pairs of runs of the first arm and another: the same seed, prompts, first weights and held-out
    /// problems.</summary>
    public IReadOnlyList<(ComparedRun First, ComparedRun Second)> Pairs(ComparedArm arm) =>
        [.. Shared(arm).Where(p => ComparedArm.WhyUnpaired(p.First, p.Second) is null)];

    private IEnumerable<(ComparedRun First, ComparedRun Second)> Shared(ComparedArm arm) =>
        from a in Arms[0].Runs join b in arm.Runs on a.Seed equals b.Seed select (a, b);

    private BudgetOutcome Within(ComparedArm arm, double budget, Func<RunCost, double> of)
    {
        double[] accuracy = [.. arm.Runs.Select(r => r.AccuracyWithin(budget, of))];
        (double First, double Second)[] pairs = [.. Pairs(arm)
            .Select(p => (p.First.AccuracyWithin(budget, of), p.Second.AccuracyWithin(budget, of)))
            .Where(p => !double.IsNaN(p.Item1) && !double.IsNaN(p.Item2))];
        Interval? difference = ReferenceEquals(arm, Arms[0]) || pairs.Length == 0 ? null
            : Intervals.OfDifference([.. pairs.Select(p => p.First)], [.. pairs.Select(p => p.Second)]);
        return new(accuracy, Intervals.Of([.. accuracy.Where(a => !double.IsNaN(a))]), difference,
            [.. arm.Runs.Where(r => of(r.Total) < budget).Select(r => r.Seed)]);
    }
}
