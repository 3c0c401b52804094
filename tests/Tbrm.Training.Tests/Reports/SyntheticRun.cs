using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Training.Config;
using Tbrm.Training.Metrics;
using Tbrm.Training.Reports;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Tests.Reports;

/// <summary>A run folder made of chosen metrics and responses.</summary>
internal sealed class SyntheticRun : IDisposable
{
    public SyntheticRun(RunConfig? config = null)
    {
        string root = Directory.CreateTempSubdirectory("tbrm-test-").FullName;
        Folder = RunFolder.Open(new TrainerConfig { RunDir = root });
        RunFolder.WriteText(Folder.ConfigPath, ConfigWriter.ToYaml(config ?? new RunConfig()));
    }

    public RunFolder Folder { get; }

    public void AddSteps(IEnumerable<(long Step, (string Name, double Value)[] Metrics)> steps)
    {
        using JsonLinesSink sink = new(Folder.MetricsPath);
        foreach ((long step, (string Name, double Value)[] metrics) in steps)
        {
            MetricSet row = new();
            foreach ((string name, double value) in metrics)
            {
                row[name] = value;
            }

            sink.Write(step, row);
        }
    }

    public void AddValidation(long step, params (string Input, string Output, double Score)[] rows) =>
        RunFolder.WriteLines(Folder.ValidationPath(step), rows.Select((r, i) => new JsonObject
        {
            ["input"] = r.Input,
            ["output"] = r.Output,
            ["gts"] = "7",
            ["score"] = r.Score,
            ["step"] = step,
            ["data_source"] = "d",
            ["index"] = i,
            ["finish"] = "Stop",
        }));

    public string Report()
    {
        RunReport.Write(Folder);
        return File.ReadAllText(Folder.ReportPath);
    }

    public void Dispose() => Directory.Delete(Folder.Root, recursive: true);
}
