using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Linq;
using Tbrm.Cli.Display;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Training.Config;
using Tbrm.Training.Evaluation;
using Tbrm.Training.Plans;
using Tbrm.Training.Runs;
using Tbrm.Training.Sessions;

namespace Tbrm.Cli.Verbs;

/// <summary><c>eval</c>: evaluates a policy on benchmark problems and prints the scores; or computes them again from
/// saved rows.</summary>
internal sealed class EvalVerb : IVerb
{
    private readonly RunOptions _run = new();
    private readonly Option<string[]> _presets = new("--preset")
    {
        Description =
            $"A benchmark, evaluated as the paper does; may be repeated, each with its --data: "
                + $"{string.Join(", ", EmbeddedPresets.Benchmarks.Select(p => p.Name))}",
        HelpName = "NAME",
    };
    private readonly Option<string[]> _data =
        new("--data") { Description = "The benchmark's problems, jsonl, json or parquet", HelpName = "FILE" };
    private readonly Option<string[]> _rows =
        new("--in")
        {
            Description = "Rows of an earlier evaluation: computes the metrics again, without a model",
            HelpName = "FILE"
        };
    private readonly Option<string?> _output = new("--out")
    {
        Description =
            "Where every response goes with its score, as JSON lines; eval.jsonl in the run folder when it is not "
                + "given",
        HelpName = "FILE",
    };
    private readonly Option<bool> _dryRun = new("--dry-run")
    {
        Description = "Prints the configuration, what would be evaluated and the memory it takes, and leaves",
    };
    private readonly Option<bool> _json =
        new("--json") { Description = "Prints the summary (or the plan) as one JSON object instead of a table" };

    public Command Create()
    {
        Command command = new(
            "eval",
            "Evaluates a model: --run-dir RUN (what train has made), or model.path=DIR with --preset NAME --data "
                + "FILE, data.val_files=[...] or data.task=NAME");
        _run.AddTo(command);
        foreach (Option option in new Option[] { _run.Checkpoint, _run.BetaScale, _presets, _data, _rows, _output,
            _dryRun, _json })
        {
            command.Options.Add(option);
        }

        command.SetAction(parsed => (int)Run(parsed));
        return command;
    }

    private ExitCode Run(ParseResult parsed)
    {
        if (parsed.GetValue(_rows) is { Length: > 0 } files)
        {
            Print(parsed, EvaluationReport.Of([.. files.SelectMany(EvaluationRow.Read)]));
            return ExitCode.Ok;
        }

        List<Benchmark> benchmarks = Benchmarks(parsed);
        if (parsed.GetValue(_dryRun))
        {
            foreach (Benchmark benchmark in benchmarks)
            {
                PlanOutput.Print(benchmark.Config, RunPlan.Evaluation, parsed.GetValue(_json));
            }

            return ExitCode.Ok;
        }

        string rowsPath = RowsPath(parsed, benchmarks[0].Config);
        if (Directory.Exists(rowsPath))
        {
            throw new ConfigException($"--out {rowsPath} is a folder; name a file");
        }

        using StopSignals signals = new(saves: true);
        TerminalProgress progress = new(Terminal.RawError, !Console.IsErrorRedirected);
        try
        {
            EvaluationResult evaluation = EvaluationRun.Run(benchmarks, rowsPath, progress, signals.Token);
            Print(parsed, evaluation.Report);
            progress.Say($"{evaluation.Rows.Count} responses: {rowsPath}");
            return ExitCode.Ok;
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            progress.Say(
                $"tbrm-native: interrupted; what was sampled is saved, and the same command with --out {rowsPath} "
                    + $"goes on from it");
            return ExitCode.Interrupted;
        }
    }

    private List<Benchmark> Benchmarks(ParseResult parsed)
    {
        string[] presets = parsed.GetValue(_presets) ?? [], data = parsed.GetValue(_data) ?? [];
        List<string> arguments = _run.Arguments(parsed);
        TrainedRun? run = _run.Trained(parsed, byFolder: true);
        Check(arguments, presets.Length > 0, data.Length > 0);
        if (presets.Length == 0)
        {
            RunConfig config = ConfigLoader.Load(
                _run.Files(parsed), Effective(run?.Arguments(arguments) ?? arguments),
                verbDefaults: run?.ForEvaluation(arguments), notice: Say);
            if (run?.Difference(config) is { } difference)
            {
                Say("note: " + difference);
            }

            config = RunOptions.WithReference(RunModels.Resolve(config, Say), run);
            return [new("", data.Length == 0 ? config
                : config with { Data = config.Data with { Task = "", Tasks = [], TrainFiles = [],
                ValFiles = [.. data] } })];
        }

        if (data.Length != presets.Length && !(presets.Length == 1 && data.Length == 0))
        {
            throw new ConfigException(
                $"--preset is given {presets.Length} times and --data {data.Length} times; each benchmark needs its "
                    + $"file: --preset aime24 --data aime24.jsonl");
        }

        if (presets.Distinct(StringComparer.Ordinal).Count() < presets.Length)
        {
            throw new ConfigException("--preset names a benchmark twice");
        }

        return [.. presets.Select((name, i) => _run.LoadBenchmark(parsed, EmbeddedPresets.Benchmark(name),
            data.ElementAtOrDefault(i), Effective(run?.Arguments(arguments) ?? arguments), run?.ForUse() ?? []))
            .Select(b => b with { Config = RunOptions.WithReference(RunModels.Resolve(b.Config, Say), run) })];
    }

    /// <summary>The length of an answer that the command line asks for counts, also where a preset has one for
    /// evaluations alone.</summary>
    private static IReadOnlyList<string> Effective(IReadOnlyList<string> arguments) =>
        arguments.Any(a => Key(a) == "data.max_response_length") && !arguments.Any(a => Key(a) == OwnLength)
            ? [.. arguments, OwnLength + "=0"] : arguments;

    /// <summary>Keys that mean something elsewhere and would do nothing here are told, or refused where something else
    /// would be done.</summary>
    private static void Check(IReadOnlyList<string> arguments, bool isPreset, bool hasData)
    {
        foreach (string key in arguments.Select(Key).Distinct(StringComparer.Ordinal))
        {
            if ((isPreset || hasData) && key is "data.task" or "data.tasks" or "data.train_files"
                && arguments.Last(a => Key(a) == key).Split('=', 2)[1].Length > 0)
            {
                throw new ConfigException(
                    $"{key} and {(isPreset ? "--preset" : "--data")} are both given; problems come from one of them");
            }

            if (hasData && key == "data.val_files")
            {
                throw new ConfigException(
                    "data.val_files and --data are both given, and name the same files; give one of them");
            }

            string own = "rollout.val_kwargs." + key[(key.IndexOf('.', StringComparison.Ordinal) + 1)..];
            if (key.StartsWith("rollout.", StringComparison.Ordinal)
                && !key.StartsWith("rollout.val_kwargs.", StringComparison.Ordinal)
                && ConfigSchema.Keys.ContainsKey(own) && !arguments.Any(a => Key(a) == own))
            {
                Say($"note: {key} has no effect here; an evaluation samples by {own}");
            }
        }
    }

    private const string OwnLength = "rollout.val_kwargs.max_response_length";

    private static string Key(string argument) => ConfigSchema.Canonical(argument.Split('=', 2)[0].TrimStart('-', '+'));

    private static void Say(string text) => Console.Error.WriteLine($"tbrm-native: {text}");

    private string RowsPath(ParseResult parsed, RunConfig config)
    {
        return parsed.GetValue(_output) is { } file ? Path.GetFullPath(file)
            : Path.Combine(RunFolder.PathOf(config.Trainer with { ExperimentName = "eval" }), "eval.jsonl");
    }

    private void Print(ParseResult parsed, EvaluationReport report)
    {
        if (parsed.GetValue(_json))
        {
            Console.Out.WriteLine(report.ToJson().ToJsonString());
            return;
        }

        EvaluationTable.Write(report, Terminal.RawOut, !Console.IsOutputRedirected,
            Terminal.Width());
    }
}
