using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine.Models;
using Tbrm.Engine.Rollout;
using Tbrm.Training.Config;
using Tbrm.Training.Progress;
using Tbrm.Training.Prompts;
using Tbrm.Training.Runs;
using Tbrm.Training.Sessions;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Evaluation;

/// <summary>A set of problems and the configuration under which they are asked.</summary>
/// <param name="Name">The preset's name; empty for the configuration's own evaluation prompts.</param>
/// <param name="Config">Files, template, lengths, sampling, grader.</param>
public sealed record Benchmark(string Name, RunConfig Config)
{
    /// <summary>A benchmark's preset over the user's file.</summary>
    /// <param name="preset">The preset.</param>
    /// <param name="file">The problems; null leaves data.val_files as it is.</param>
    /// <param name="filesOrPresets">The configurations below the preset.</param>
    /// <param name="arguments">Overrides on top of it.</param>
    /// <param name="defaults">What holds below the file.</param>
    public static Benchmark Of(EmbeddedPreset preset, string? file, IReadOnlyList<string> filesOrPresets,
        IReadOnlyList<string> arguments, IReadOnlyList<ConfigEntry>? defaults = null)
    {
        RunConfig config = ConfigLoader.Load(filesOrPresets, arguments, preset.Entries, defaults);
        DataConfig data = config.Data with
        {
            Task = "",
            Tasks = [],
            TrainFiles = [],
            ValFiles = file is null ? config.Data.ValFiles : [file]
        };
        return data.ValFiles.Count > 0 ? new(preset.Name, config with { Data = data })
            : throw new ConfigException($"--preset {preset.Name} needs the benchmark's problems: --data FILE");
    }
}

/// <summary>An evaluation outside training: opens the model once, evaluates every benchmark, and can be killed and
/// started again.</summary>
public static class EvaluationRun
{
    private const string JournalSuffix = ".partial";

    /// <summary>Evaluates a model on benchmarks and writes a row per response.</summary>
    /// <param name="benchmarks">At least one; names differ. The model is the first one's.</param>
    /// <param name="rowsPath">Where the rows go. Until they are complete, what was sampled is in a file beside it, from
    /// which the same command goes on.</param>
    /// <param name="progress">For people.</param>
    /// <param name="stop">Stops it; what was sampled stays.</param>
    public static EvaluationResult Run(IReadOnlyList<Benchmark> benchmarks, string rowsPath, IProgressDisplay progress,
        CancellationToken stop)
    {
        RunConfig config = SessionConfig(benchmarks);
        if (config.Model.Path.Length == 0)
        {
            throw new ConfigException(
                "eval needs a trained model: model.path=DIR, a model folder, a run or one of its checkpoints; or "
                    + "--run-dir RUN");
        }

        using TrainingSession session = TrainingSession.Open(config, trainable: false);
        List<EvaluationSet> sets = [.. benchmarks.Select(b => EvaluationSet.Load(session, b.Config, b.Name))];
        foreach (string note in sets.SelectMany(s => s.Notes))
        {
            progress.Say(note);
        }

        foreach (string unasked in sets.Select(s => s.Unasked).OfType<string>())
        {
            progress.Warn(unasked);
        }

        session.TellAboutModel(progress);
        session.WarnBeyondContext(sets.Max(s => s.Longest), progress);
        using RolloutStage rollout = new(session.Policy, session.Tokenizer, config, session.StopIds);
        using Policy? reference = ReferenceMixture.Apply(session, rollout);
        string journalPath = rowsPath + JournalSuffix;
        EvaluationResult evaluation;
        using (EvaluationJournal journal = EvaluationJournal.Open(journalPath, Identity(config, sets)))
        {
            if (journal.Known > 0)
            {
                progress.Say(
                    $"{journal.Known} of {sets.Sum(s => s.Responses)} responses were sampled before and are kept "
                        + $"({journalPath})");
            }

            evaluation = new Evaluator(session, rollout, progress).Run(sets, journal, 0, stop);
            RunFolder.WriteLines(rowsPath, evaluation.Rows);
        }

        File.Delete(journalPath);
        return evaluation;
    }

    /// <summary>The first configuration without prompts, with room for the longest of all.</summary>
    private static RunConfig SessionConfig(IReadOnlyList<Benchmark> benchmarks)
    {
        RunConfig first = benchmarks[0].Config;
        IEnumerable<RunConfig> all = benchmarks.Select(b => b.Config);
        return first with
        {
            Data = first.Data with
            {
                Task = "",
                Tasks = [],
                TrainFiles = [],
                ValFiles = [],
                MaxPromptLength = all.Max(c => c.Data.MaxPromptLength),
                MaxResponseLength = all.Max(
                    c => c.Rollout.ValKwargs.MaxResponseLength > 0 ? c.Rollout.ValKwargs.MaxResponseLength
                    : c.Data.MaxResponseLength),
            },
            Sft = new(),
        };
    }

    /// <summary>What decides the responses: the model's files, its number format, the prompts' tokens, the
    /// sampling.</summary>
    private static JsonObject Identity(RunConfig config, IReadOnlyList<EvaluationSet> sets)
    {
        using IncrementalHash prompts = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (EncodedPrompt prompt in sets.SelectMany(s => s.Prompts))
        {
            prompts.AppendData(MemoryMarshal.AsBytes<int>([prompt.Ids.Length]));
            prompts.AppendData(MemoryMarshal.AsBytes(prompt.Ids.AsSpan()));
        }

        IEnumerable<string> folders =
            new[] { config.Model.Path, config.Model.LoraAdapterPath }.Where(f => f.Length > 0);
        IEnumerable<string> files =
            folders.SelectMany(f => Directory.EnumerateFiles(f, "*.safetensors").Order(StringComparer.Ordinal))
            .Select(f => string.Create(CultureInfo.InvariantCulture,
                $"{Path.GetFileName(f)} {new FileInfo(f).Length} {File.GetLastWriteTimeUtc(f).Ticks}"));
        return new()
        {
            ["model"] = string.Join("; ", files),
            ["reference"] = config.Rollout.BetaScale == 1 ? ""
                : FormattableString.Invariant($"{config.Rollout.BetaScale} {config.Ref.Path}"),
            ["dtype"] = config.Model.Dtype,
            ["device"] = config.Trainer.Device,
            ["prompts"] = Convert.ToHexStringLower(prompts.GetHashAndReset()),
            ["sampling"] = string.Join("; ", sets.Select(s => Describe(s.Name, s.Samples, s.Sampling))),
        };
    }

    private static string Describe(string name, int samples, SamplingOptions o) =>
        string.Create(CultureInfo.InvariantCulture,
        $"{name} n={samples} max={o.MaxNewTokens} temperature={o.Temperature} top_p={o.TopP} top_k={o.TopK} "
            + $"seed={o.Seed} stop={string.Join(',', o.StopIds.ToArray())} {string.Join('|', o.StopStrings)}");
}
