using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Training.Reports;

namespace Tbrm.Training.Comparisons;

/// <summary>One side of a comparison: a configuration, run with several seeds.</summary>
/// <param name="Name">In legends and tables.</param>
/// <param name="Runs">By ascending seed; each seed once.</param>
public sealed record ComparedArm(string Name, IReadOnlyList<ComparedRun> Runs)
{
    /// <summary>Keys that runs of one arm may differ in.</summary>
    private static readonly string[] s_ofARun =
        ["trainer.seed", "trainer.run_dir", "trainer.experiment_name", "trainer.project_name", "trainer.threads",
        "model.path", "sft.total_training_steps"];

    /// <summary>Keys that decide prompts, first weights and held-out problems: what pairs two runs.</summary>
    private static readonly string[] s_paired = ["data.", "model.", "sft.", "rollout.val_kwargs."];

    /// <summary>The cut of the same prompts into batches.</summary>
    private static readonly string[] s_unpaired =
        ["data.train_batch_size", "data.gen_batch_size", "data.trajectories"];

    /// <summary>A value that a sweep gave it; null outside of one.</summary>
    public string? Swept { get; init; }

    /// <summary>The arm without the swept value.</summary>
    public string Base { get; init; } = Name;

    /// <summary>What the arm is there for: a control with rewards that no grader gave.</summary>
    public bool IsControl => Runs[0].Config is { Reward.Control: not "none" };

    /// <summary>Groups run folders by configuration: those that differ in nothing but the seed are one arm. A folder of
    /// runs (seed-1, seed-2, ...) is read as those.</summary>
    /// <param name="folders">Run folders, or folders of runs.</param>
    /// <exception cref="DataException">A folder holds neither.</exception>
    public static IReadOnlyList<ComparedArm> Of(IReadOnlyList<string> folders)
    {
        List<ComparedArm> arms = [];
        foreach (string folder in folders)
        {
            string[] seeds = SeedFolders(folder);
            ComparedRun[] runs = [.. (seeds.Length > 0 ? seeds : [folder]).Select(ComparedRun.Read)];
            string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
            int same = arms.FindIndex(a => Differences([a.Runs[0].Config, runs[0].Config]).Count == 0
                && !a.Runs.Any(r => runs.Any(o => o.Seed == r.Seed)));
            if (same >= 0)
            {
                arms[same] = arms[same] with { Runs = [.. arms[same].Runs.Concat(runs).OrderBy(r => r.Seed)] };
                continue;
            }

            arms.Add(new(Unused(arms, name), [.. runs.OrderBy(r => r.Seed)]));
        }

        return arms;
    }

    /// <summary>The runs of a folder that --seeds made.</summary>
    public static string[] SeedFolders(string folder) => !Directory.Exists(folder) ? []
        : [.. Directory.EnumerateDirectories(folder, "seed-*").Where(IsRun).Order(StringComparer.Ordinal)];

    /// <summary>Whether a folder holds a run.</summary>
    public static bool IsRun(string folder) => File.Exists(Path.Combine(folder, "config.resolved.yaml"))
        || File.Exists(Path.Combine(folder, "metrics.jsonl"));

    /// <summary>Why two runs of the same seed are no pair; null when they are one.</summary>
    public static string? WhyUnpaired(ComparedRun a, ComparedRun b)
    {
        if (a.Seed != b.Seed)
        {
            return string.Create(CultureInfo.InvariantCulture, $"seeds {a.Seed} and {b.Seed} differ");
        }

        if (a.Config is not { } first || b.Config is not { } second)
        {
            return "a configuration cannot be read";
        }

        string[] keys = [.. ConfigDifferences.Of([first, second]).Select(d => d.Key)
            .Where(k => s_paired.Any(p => k.StartsWith(p, StringComparison.Ordinal)) && !s_unpaired.Contains(k))];
        return keys.Length == 0 ? null : $"{string.Join(", ", keys)} differ{(keys.Length == 1 ? "s" : "")}";
    }

    /// <summary>Where configurations differ, but for what every run has of its own; those that cannot be read have no
    /// value.</summary>
    internal static IReadOnlyList<ConfigDifference> Differences(IEnumerable<RunConfig?> configs) =>
        ConfigDifferences.Of([.. configs.OfType<RunConfig>()], s_ofARun);

    private static string Unused(List<ComparedArm> arms, string name) => Enumerable.Range(1, int.MaxValue)
        .Select(i => i == 1 ? name : string.Create(CultureInfo.InvariantCulture, $"{name} ({i})"))
        .First(n => !arms.Exists(a => a.Name == n));
}
