using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Training.Config;

namespace Tbrm.Watch.Tests;

/// <summary>A folder of runs as train leaves them, file by file.</summary>
internal sealed class RunFiles : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("tbrm-watch-").FullName;

    public string Run(string name) => Path.Combine(Root, name);

    /// <summary>A run with a configuration and no step.</summary>
    public void Add(string name, RunConfig? config = null)
    {
        Directory.CreateDirectory(Run(name));
        File.WriteAllText(Path.Combine(Run(name), "config.resolved.yaml"),
            ConfigWriter.ToYaml(config ?? new RunConfig()));
        File.WriteAllText(Path.Combine(Run(name), "metrics.jsonl"), "");
        Summarize(name, 0, 10, finished: false);
    }

    public void Summarize(string name, int steps, int total, bool finished) =>
        File.WriteAllText(Path.Combine(Run(name), "summary.json"), new JsonObject
        {
            ["verb"] = "train",
            ["algorithm"] = "tbrm",
            ["steps"] = steps,
            ["total_steps"] = total,
            ["finished"] = finished,
            ["val_best"] = 0.5,
        }.ToJsonString());

    /// <summary>Appends steps with a reward, tokens and seconds.</summary>
    public void Step(string name, int first, int count)
    {
        foreach (int step in Enumerable.Range(first, count))
        {
            Append(name, string.Create(CultureInfo.InvariantCulture,
                $"{{\"step\":{step},\"critic/rewards/mean\":{step / 100.0},"
                    + $"\"perf/total_num_tokens\":100,\"timing_s/step\":2}}\n"));
        }
    }

    /// <summary>Appends text as it is.</summary>
    public void Append(string name, string text) => File.AppendAllText(Path.Combine(Run(name), "metrics.jsonl"), text);

    /// <summary>Writes responses of a step.</summary>
    public void Dump(string name, string kind, int step, params JsonObject[] rows)
    {
        Directory.CreateDirectory(Path.Combine(Run(name), kind));
        File.WriteAllLines(Path.Combine(Run(name), kind, step + ".jsonl"), rows.Select(r => r.ToJsonString()));
    }

    /// <summary>A response with two tokens.</summary>
    public static JsonObject Response(int prompt, string output, double score) => new()
    {
        ["input"] = "prompt " + prompt,
        ["output"] = output,
        ["gts"] = "42",
        ["score"] = score,
        ["status"] = "Ok",
        ["finish"] = "Stop",
        ["group"] = prompt,
        ["response_tokens"] = 2,
        ["response_ids"] = new JsonArray(7, 8),
        ["logp"] = new JsonArray(-0.5, -1.5),
    };

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
