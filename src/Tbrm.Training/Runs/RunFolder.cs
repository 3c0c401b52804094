using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Files;
using Tbrm.Engine.Checkpoint;
using Tbrm.Training.Metrics;

namespace Tbrm.Training.Runs;

/// <summary>The folder of one run: what is where, and how it is written.</summary>
public sealed class RunFolder
{
    private static readonly JsonSerializerOptions s_line =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonSerializerOptions s_indented = new(s_line) { WriteIndented = true };

    private RunFolder(string path) => Root = path;

    /// <summary>Whether it was made for this run.</summary>
    public bool IsNew { get; private init; }

    /// <summary>The folder.</summary>
    public string Root { get; }

    /// <summary>The folder as a word of a command line that people copy.</summary>
    public string Quoted => Root.All(c => char.IsLetterOrDigit(c) || c is '_' or '-' or '.' or '/' or '\\' or ':')
        ? Root
        : OperatingSystem.IsWindows() ? $"\"{Root}\"" : $"'{Root.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>The configuration that the run resolved to.</summary>
    public string ConfigPath => Path.Combine(Root, "config.resolved.yaml");

    /// <summary>One object per step.</summary>
    public string MetricsPath => Path.Combine(Root, "metrics.jsonl");

    /// <summary>Event files.</summary>
    public string TensorBoardPath => Path.Combine(Root, "tensorboard");

    /// <summary>What came of the run.</summary>
    public string SummaryPath => Path.Combine(Root, "summary.json");

    /// <summary>Curves and a table.</summary>
    public string ReportPath => Path.Combine(Root, "report.html");

    /// <summary>Checkpoints, unless trainer.default_local_dir says otherwise.</summary>
    public string CheckpointPath => Path.Combine(Root, "checkpoints");

    /// <summary>Checkpoints of a warm start while it lasts.</summary>
    public string WarmStartPath => Path.Combine(Root, "warm_start");

    /// <summary>Locked by the process that writes the run.</summary>
    public string LockPath => Path.Combine(Root, "run.lock");

    /// <summary>Responses of a training step.</summary>
    public string RolloutPath(long step) => Path.Combine(Root, "rollouts", Number(step) + ".jsonl");

    /// <summary>What a step's policy says of the tokens of some responses.</summary>
    public string CreditPath(long step) => Path.Combine(Root, "credit", Number(step) + ".jsonl");

    /// <summary>Responses of an evaluation.</summary>
    public string ValidationPath(long step) => Path.Combine(Root, "validation", Number(step) + ".jsonl");

    /// <summary>Opens or creates the folder of a configuration.</summary>
    public static RunFolder Open(TrainerConfig config)
    {
        string path = PathOf(config);
        RunFolder folder = new(path) { IsNew = !Path.Exists(path) };
        DiskErrors.Translated($"creating the run folder {folder.Root}", () => Directory.CreateDirectory(folder.Root));
        return folder;
    }

    /// <summary>Where the folder of a configuration is, or would be if it were made now: one that is not there yet,
    /// unless it is named.</summary>
    public static string PathOf(TrainerConfig config)
    {
        if (config.RunDir.Length > 0)
        {
            return Path.GetFullPath(config.RunDir);
        }

        string name = string.Create(CultureInfo.InvariantCulture,
            $"{config.ProjectName}-{config.ExperimentName}-{DateTime.Now:yyyyMMdd-HHmmss}");
        string path = Path.GetFullPath(
            Path.Combine("runs",
            string.Concat(name.Select(c => char.IsControl(c) || c is '/' or '\\' or ':' ? '-' : c))));
        // Runs of a sweep begin in the same second.
        return Enumerable.Range(1, int.MaxValue)
            .Select(i => i == 1 ? path : string.Create(CultureInfo.InvariantCulture, $"{path}-{i}"))
            .First(p => !Path.Exists(p));
    }

    /// <summary>A folder that holds a run already; a DataException when it does not.</summary>
    public static RunFolder OfRun(string path)
    {
        RunFolder folder = new(Path.GetFullPath(path));
        return File.Exists(folder.ConfigPath) || File.Exists(folder.MetricsPath) ? folder
            : throw new DataException(
                $"{path} holds no run (there is neither config.resolved.yaml nor metrics.jsonl in it)");
    }

    /// <summary>Takes a new folder away again whose run could not begin; its lock is held. What holds more than the
    /// lock stays.</summary>
    public void Abandon()
    {
        try
        {
            if (IsNew && Directory.EnumerateFileSystemEntries(Root).All(p => p == LockPath))
            {
                File.Delete(LockPath);
                Directory.Delete(Root);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Another process has begun there, or the disk refuses: an empty folder is no harm.
        }
    }

    /// <summary>
    /// The same for a run that was opened and could not make its first step: what every start writes goes too. A folder
    /// with a row of metrics, a
    /// checkpoint or anything else in it stays.
    /// </summary>
    public void AbandonUnused()
    {
        try
        {
            string[] ofTheStart =
                [LockPath, ConfigPath, MetricsPath, Path.Combine(Root, "metrics.csv"), TensorBoardPath, SummaryPath,
                ReportPath];
            bool isUnused = IsNew && Directory.EnumerateFileSystemEntries(Root).All(p => ofTheStart.Contains(p))
                && (!File.Exists(MetricsPath) || new FileInfo(MetricsPath).Length == 0);
            if (isUnused)
            {
                Directory.Delete(Root, recursive: true);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The failure that ended the start is what counts.
        }
    }

    /// <summary>The newest folder under runs/ that holds a run, for --resume without --run-dir; null when there is
    /// none.</summary>
    public static string? Newest(string under = "runs") => !Directory.Exists(under) ? null
        : Directory.EnumerateDirectories(under).Where(d => File.Exists(Path.Combine(d, "config.resolved.yaml")))
            .OrderByDescending(d => File.GetLastWriteTimeUtc(Path.Combine(d, "config.resolved.yaml"))).FirstOrDefault();

    /// <summary>Replaces a text file of the run in one step.</summary>
    public static void WriteText(string path, string text) => DiskErrors.Translated($"writing {path}", () =>
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        DurableFiles.ReplaceText(path, text);
    });

    /// <summary>Writes an indented JSON file in one step.</summary>
    public static void WriteJson(string path, JsonObject content) =>
        WriteText(path, content.ToJsonString(s_indented) + "\n");

    /// <summary>Writes one object per line, in one step.</summary>
    public static void WriteLines(string path, IEnumerable<JsonObject> rows)
    {
        StringBuilder text = new();
        foreach (JsonObject row in rows)
        {
            text.Append(row.ToJsonString(s_line)).Append('\n');
        }

        WriteText(path, text.ToString());
    }

    /// <summary>Drops what was written after a step: a resumed run writes it again.</summary>
    /// <param name="step">The step; -1: a new run.</param>
    /// <param name="isPending">The step was stopped in its test, and will write its metrics and answers
    /// (again).</param>
    public void RewindTo(long step, bool isPending)
    {
        long tested = isPending ? step - 1 : step;
        JsonLinesSink.TruncateAfter(MetricsPath, tested);
        CsvSink.TruncateAfter(Path.Combine(Root, "metrics.csv"), tested);
        if (tested < 0 && Directory.Exists(TensorBoardPath))
        {
            // A new run in an old folder. A resumed run's event file cancels the later steps itself.
            foreach (string file in Directory.EnumerateFiles(TensorBoardPath, "events.out.tfevents.*").ToList())
            {
                File.Delete(file);
            }
        }

        foreach ((string kind, long last) in new[] { ("rollouts", step), ("credit", step), ("validation", tested) })
        {
            string folder = Path.Combine(Root, kind);
            foreach (string file in Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*.jsonl").ToList()
                : [])
            {
                if (long.TryParse(Path.GetFileNameWithoutExtension(file), NumberStyles.None,
                    CultureInfo.InvariantCulture, out long at) && at > last)
                {
                    File.Delete(file);
                }
            }
        }
    }

    private static string Number(long step) => step.ToString(CultureInfo.InvariantCulture);
}
