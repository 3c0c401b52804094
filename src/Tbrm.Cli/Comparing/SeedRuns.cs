using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Training.Comparisons;
using Tbrm.Training.Config;
using Tbrm.Training.Progress;
using Tbrm.Training.Runs;

namespace Tbrm.Cli.Comparing;

/// <summary>
/// <c>train --seeds</c>: the same configuration with several seeds, a folder for each under one, and a page of all of
/// them. First weights and samples differ by trainer.seed; the order of prompts and the held-out problems are those of
/// data.seed, so that two such groups are pairs, seed by seed.
/// </summary>
internal static class SeedRuns
{
    private const string ConfigFile = "config.yaml";

    /// <summary>Makes what is not made yet.</summary>
    /// <param name="config">The configuration; its run folder is that of the group.</param>
    /// <param name="seeds">At least one.</param>
    /// <param name="progress">For people.</param>
    /// <param name="stop">Asks the run that is at work to save and end.</param>
    /// <returns>Ok; NonFinite when a run diverged, or the code of one that failed, once all were made;
    /// Interrupted.</returns>
    /// <exception cref="ConfigException">The folder holds runs of another configuration, or a single run.</exception>
    public static ExitCode Run(RunConfig config, IReadOnlyList<long> seeds, IProgressDisplay progress,
        CancellationToken stop)
    {
        string group = RunFolder.PathOf(config.Trainer), path = Path.Combine(group, ConfigFile);
        if (ComparedArm.IsRun(group))
        {
            throw new ConfigException($"{group} holds a single run; give the group of runs another --run-dir");
        }

        string text = ConfigWriter.ToYaml(config with { Trainer = config.Trainer with { RunDir = "" } });
        if (File.Exists(path) && File.ReadAllText(path) != text)
        {
            throw new ConfigException(
                $"{path} is another configuration than this one; the same command goes on with the group, another one "
                    + $"needs another --run-dir");
        }

        progress.Say($"group of runs: {group}");
        RunFolder.WriteText(path, text);
        QueuedRun[] runs = [.. seeds.Select(s => string.Create(CultureInfo.InvariantCulture, $"seed-{s}")).Zip(seeds,
            (name, seed) => new QueuedRun(name, Path.Combine(group, name), path,
                [string.Create(CultureInfo.InvariantCulture, $"trainer.seed={seed}")]))];
        RunQueue queue = new(1, progress.Say);
        ExitCode code = queue.Run(runs, _ => WritePage(group, queue.Failures), stop);
        if (code == ExitCode.Interrupted)
        {
            progress.Say($"tbrm-native: interrupted; the same command with --run-dir {group} goes on");
            return code;
        }

        if (WritePage(group, queue.Failures) is not { } comparison)
        {
            throw new TbrmUserException(queue.Failures[0].Code, RunFailure.NoneMade(queue.Failures));
        }

        (IReadOnlyList<string> columns, IReadOnlyList<IReadOnlyList<string>> rows) =
            ComparisonTables.Measures(comparison);
        progress.Say(PlainTable.Of(columns, rows).TrimEnd('\n'));
        progress.Say($"tbrm-native: {Path.Combine(group, ComparisonPage.FileName)}");
        return queue.Failures is [var first, ..] ? first.Code
            : comparison.Arms[0].Runs.Any(r => r.IsDiverged) ? ExitCode.NonFinite : code;
    }

    private static Comparison? WritePage(string group, IReadOnlyList<RunFailure> failures)
    {
        if (ComparedArm.SeedFolders(group).Length == 0)
        {
            return null;
        }

        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(group));
        Comparison comparison =
            new([new(name, [.. ComparedArm.SeedFolders(group).Select(ComparedRun.Read).OrderBy(r => r.Seed)])])
            { Failures = failures };
        ComparisonPage.WriteInto(group, comparison);
        return comparison;
    }
}
