using System;
using System.IO;
using System.Linq;
using System.Threading;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Text.Tokenizers;
using Tbrm.Training.Config;
using Tbrm.Training.Progress;
using Tbrm.Training.Runs;

namespace Tbrm.Watch.Runs;

/// <summary>One run folder, only ever read: the run itself may be writing to it.</summary>
internal sealed class WatchedRun
{
    private readonly RunFolder _folder;
    private readonly MetricLog _metrics;
    private readonly Lock _lock = new();
    private Tokenizer? _tokenizer;

    public WatchedRun(int id, string name, string path)
    {
        Id = id;
        Name = name;
        _folder = RunFolder.OfRun(path);
        _metrics = new(_folder.MetricsPath);
        Dumps = new(_folder.Root);
    }

    /// <summary>What addresses name it by.</summary>
    public int Id { get; }

    /// <summary>Its folder below the one that is watched.</summary>
    public string Name { get; }

    /// <summary>Its rollouts and validations.</summary>
    public DumpFolder Dumps { get; }

    /// <summary>Changes whenever one of the files that <see cref="Summary"/> and <see cref="Metrics"/> read
    /// does.</summary>
    public string Stamp =>
        string.Join(';', new[] { _folder.MetricsPath, _folder.SummaryPath, ProgressFile.PathIn(_folder.Root) }
        .Select(p => new FileInfo(p)).Select(f => f.Exists ? $"{f.Length}:{f.LastWriteTimeUtc.Ticks}" : "-"));

    /// <summary>What the list of runs shows.</summary>
    public JsonObject Summary()
    {
        JsonObject summary = ReadObject(_folder.SummaryPath) ?? [];
        FileInfo metrics = new(_folder.MetricsPath);
        JsonObject answer = new() { ["id"] = Id, ["name"] = Name };
        foreach (string key in new[]
                 {
                     "verb", "finished", "val_before", "val_after", "val_best", "best_step", "steps", "total_steps",
                     "wall_s", "algorithm", "seed", "model", "device", "command", "version",
                 })
        {
            answer[key] = summary[key]?.DeepClone();
        }

        DateTime written = new[] { _folder.SummaryPath, _folder.MetricsPath, ProgressFile.PathIn(_folder.Root) }
            .Where(File.Exists).Select(File.GetLastWriteTimeUtc).DefaultIfEmpty(DateTime.UnixEpoch).Max();
        answer["written"] = new DateTimeOffset(written).ToUnixTimeSeconds();
        answer["progress"] = ReadObject(ProgressFile.PathIn(_folder.Root));
        answer["report"] = File.Exists(_folder.ReportPath);
        return answer;
    }

    /// <summary>The rows from <paramref name="from"/> on; all of them when the file was cut back since
    /// <paramref name="generation"/>.</summary>
    public JsonObject Metrics(int from, int generation)
    {
        lock (_lock)
        {
            _metrics.ReadOn();
            int first = generation == _metrics.Generation ? Math.Clamp(from, 0, _metrics.Rows.Count) : 0;
            JsonArray rows = [];
            foreach ((long step, Training.Metrics.MetricSet metrics) in _metrics.Rows.Skip(first))
            {
                JsonObject row = new() { ["step"] = step };
                foreach (string name in metrics.Names)
                {
                    // JSON has no NaN: the page shows a gap, and says so.
                    row[name] = double.IsFinite(metrics[name]) ? metrics[name] : null;
                }

                rows.Add(row);
            }

            return new()
            {
                ["generation"] = _metrics.Generation,
                ["first"] = first,
                ["next"] = _metrics.Rows.Count,
                ["rows"] = rows,
            };
        }
    }

    /// <summary>The resolved configuration.</summary>
    /// <exception cref="TbrmUserException">It is not there, or of another version.</exception>
    public RunConfig Config()
    {
        string path = _folder.ConfigPath;
        return !File.Exists(path) ? throw new DataException($"{Name} has no config.resolved.yaml")
            : ConfigLoader.FromYaml(Shared.ReadText(path), path);
    }

    /// <summary>The tokens of a response as text, one by one; null where no checkpoint holds a tokenizer.</summary>
    public string[]? TokenTexts(int[] ids)
    {
        lock (_lock)
        {
            _tokenizer ??= LoadTokenizer();
            return _tokenizer is null ? null : [.. ids.Select(id => _tokenizer.Decode([id]))];
        }
    }

    private Tokenizer? LoadTokenizer()
    {
        string[] folders = Directory.Exists(_folder.CheckpointPath)
            ? Directory.GetDirectories(_folder.CheckpointPath, "global_step_*") : [];
        foreach (string folder in folders.OrderDescending(StringComparer.Ordinal))
        {
            try
            {
                return Tokenizer.Load(Path.Combine(folder, "actor", "huggingface"));
            }
            catch (Exception e) when (e is TbrmUserException or IOException)
            {
                // Being written, or being pruned: another checkpoint has the same tokenizer.
            }
        }

        return null;
    }

    private static JsonObject? ReadObject(string path)
    {
        try
        {
            return File.Exists(path) ? JsonNode.Parse(Shared.ReadText(path)) as JsonObject : null;
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            return null;
        }
    }
}
