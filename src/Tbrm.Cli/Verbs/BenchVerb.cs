using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Cli.Benchmarks;
using Tbrm.Core.Errors;
using Tbrm.Core.Files;
using Tbrm.Engine;
using Tbrm.Engine.Benchmarks;
using Tbrm.Training.Profiles;

namespace Tbrm.Cli.Verbs;

/// <summary><c>bench kernels|decode|step|text|grader</c>: how fast this machine does what a run is made of.</summary>
internal sealed class BenchVerb : IVerb
{
    private const double DefaultSeconds = 1;

    private static readonly bool[] s_isBf16 = [false, true];

    private readonly Option<string?> _json = new("--json")
    {
        Description =
            "Writes one JSON object to FILE beside the table; without a name, or as -, prints it instead of the table",
        HelpName = "FILE",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string?> _compare = new("--compare")
    {
        Description = "Ratios to an older --json file of the same group and shapes",
        HelpName = "FILE",
    };

    private readonly Option<string?> _filter = new("--filter")
    {
        Description = "Only cases whose name (with its type, as in the table) holds TEXT",
        HelpName = "TEXT",
    };

    private readonly Option<double> _time = new("--time-per-case")
    {
        Description = "Seconds that each case is timed, at least five runs",
        HelpName = "SECONDS",
        DefaultValueFactory = _ => DefaultSeconds,
    };

    private readonly Option<int> _threads = new("--threads")
    {
        Description = "CPU threads that compute; 0 = all cores that the process may use",
        HelpName = "N",
    };

    private readonly Option<string> _device = new("--device")
    {
        Description = "Whose kernels: cpu, the library's; torch:cpu, libtorch's where the plug-in has them",
        DefaultValueFactory = _ => "cpu",
    };

    private readonly Option<string?> _shape = new("--shape")
    {
        Description = "A published model's shape (qwen2.5-0.5b) with random weights; small when not given",
        HelpName = "NAME",
    };

    private readonly Option<string> _dtype = new("--dtype")
    {
        Description = "Type of weights and activations",
        DefaultValueFactory = _ => "both",
    };

    private readonly Option<string?> _tokenizer = new("--tokenizer")
    {
        Description = "A model folder's tokenizer; one that is trained from scratch when not given",
        HelpName = "DIR",
    };

    private readonly Option<string?> _llamaBench = new("--llama-bench")
    {
        Description = "The llama-bench of llama.cpp, to be run on the same weights: its figures stand below ours",
        HelpName = "PATH",
    };

    public BenchVerb()
    {
        _dtype.AcceptOnlyFromAmong("fp32", "bf16", "both");
        _device.AcceptOnlyFromAmong("cpu", "torch:cpu");
        _shape.CompletionSources.Add(_ =>
            ProfileShape.Names.Select(n => new System.CommandLine.Completions.CompletionItem(n)));
    }

    public Command Create() => new("bench",
        "Times kernels, decoding, a training step, the tokenizer or graders, after checking their results")
    {
        Group("kernels", "Kernels of the native library, beside what multiply-adds and memory of this machine allow",
            [_device],
            (_, device) => new(KernelCase.All(device))),
        Group("decode", "Prefill and decoding of a model with random weights, at batch 1, 8 and 32",
            [_shape, _dtype, _llamaBench],
            (parsed, device) => Models(parsed, device, trainable: false, DecodeCase.All)),
        Group("step", "A training step of a model with random weights: log-probs, gradient, AdamW",
            [_shape, _dtype, _device],
            (parsed, device) => Models(parsed, device, trainable: true, m => [new StepCase(m)])),
        Group("text", "The tokenizer, on one core", [_tokenizer],
            (parsed, _) => new(TextCase.All(parsed.GetValue(_tokenizer)))),
        Group("grader", "Graders of answers, on one core", [], (_, _) => new(GraderCase.All())),
    };

    private Command Group(string name, string description, IReadOnlyList<Option> own,
        Func<ParseResult, EngineDevice, BenchGroup> open)
    {
        Command command = new(name, description);
        foreach (Option option in own.Concat([_filter, _time, _threads, _json, _compare]))
        {
            command.Options.Add(option);
        }

        command.SetAction(parsed => (int)Run(name, parsed, open));
        return command;
    }

    private BenchGroup Models(ParseResult parsed, EngineDevice device, bool trainable,
        Func<ShapedModel, IEnumerable<BenchCase>> casesOf)
    {
        ProfileShape shape = ProfileShape.Find(parsed.GetValue(_shape), "");
        string dtype = parsed.GetValue(_dtype)!;
        ShapedModel[] models = [.. s_isBf16
            .Where(bf16 => dtype == "both" || dtype == (bf16 ? "bf16" : "fp32"))
            .Select(bf16 => new ShapedModel(device, shape, bf16, trainable))];
        LlamaBench? peer = !trainable && parsed.GetValue(_llamaBench) is { } program
            ? new(Existing(program), device.Threads) : null;
        return new(models.SelectMany(casesOf), models)
        {
            Peers = () => peer is null ? [] : models.SelectMany(peer.Run),
        };
    }

    private static string Existing(string program) => File.Exists(program) ? program
        : throw new ConfigException($"--llama-bench {program}: there is no such file");

    private ExitCode Run(string group, ParseResult parsed, Func<ParseResult, EngineDevice, BenchGroup> open)
    {
        double seconds = parsed.GetValue(_time);
        if (!(seconds is > 0 and <= 3600))
        {
            throw new ConfigException($"--time-per-case {seconds}: more than 0 and at most 3600 seconds were expected");
        }

        if (parsed.GetValue(_threads) < 0)
        {
            throw new ConfigException($"--threads {parsed.GetValue(_threads)}: 0 (all cores) or more was expected");
        }

        string? comparePath = parsed.GetValue(_compare);
        BenchReport? old = comparePath is null ? null : BenchReport.Read(comparePath);
        using StopSignals stop = new(saves: false);
        string on = parsed.GetResult(_device) is null ? "cpu" : parsed.GetValue(_device)!;
        using EngineDevice device = EngineDevice.Open(on, parsed.GetValue(_threads));
        using BenchGroup cases = open(parsed, device);
        string filter = parsed.GetValue(_filter) ?? "";
        BenchCase[] chosen = [.. cases.Cases.Where(c => c.Key.Contains(filter, StringComparison.OrdinalIgnoreCase))];
        if (chosen.Length == 0)
        {
            throw new ConfigException($"--filter {filter}: no case of bench {group} holds it "
                + $"(all: {string.Join("; ", cases.Cases.Select(c => c.Key))})");
        }

        if (MachineDescription.Busy(MachineDescription.Load()) is { } busy)
        {
            Console.Error.WriteLine("tbrm-native: " + busy);
        }

        BenchRunner runner = new(TimeSpan.FromSeconds(seconds), bf16 => KernelBenchmark.Peak(device, bf16));
        List<(BenchResult Result, bool Bf16)> measured = [];
        foreach (BenchCase one in chosen)
        {
            using (one)
            {
                measured.Add((runner.Run(one, stop.Token), one.Type == "bf16"));
            }
        }

        BenchReport report = new(group, MachineDescription.Of(device, runner.Peaks),
            [.. measured.Select(m => runner.WithFloor(m.Result, m.Bf16)), .. cases.Peers()]);
        Write(parsed, report, old is null ? null : BenchComparison.Of(old, report, comparePath!));
        return ExitCode.Ok;
    }

    private void Write(ParseResult parsed, BenchReport report, BenchComparison? comparison)
    {
        string? path = parsed.GetResult(_json) is null ? null : parsed.GetValue(_json) ?? "-";
        JsonObject json = report.ToJson();
        if (comparison is not null)
        {
            json["compared"] = comparison.ToJson();
        }

        foreach (string warning in comparison?.Warnings ?? [])
        {
            Console.Error.WriteLine("tbrm-native: " + warning);
        }

        if (path == "-")
        {
            Console.Out.WriteLine(BenchReport.Text(json));
            return;
        }

        Console.Out.WriteLine(MachineDescription.Line(report.Machine));
        Console.Out.Write(report.Table());
        if (comparison is not null)
        {
            Console.Out.Write('\n' + comparison.Table());
        }

        if (path is not null)
        {
            using AtomicFile file = new(path);
            using (StreamWriter writer = new(file.Stream, leaveOpen: true))
            {
                writer.WriteLine(BenchReport.Text(json));
            }

            file.Commit();
        }
    }

    /// <summary>The cases of a group, and what they share.</summary>
    private sealed class BenchGroup(IEnumerable<BenchCase> cases, params IReadOnlyList<IDisposable> shared)
        : IDisposable
    {
        public IReadOnlyList<BenchCase> Cases { get; } = [.. cases];

        /// <summary>What other programs need for the same.</summary>
        public Func<IEnumerable<BenchResult>> Peers { get; init; } = () => [];

        public void Dispose()
        {
            foreach (IDisposable one in shared)
            {
                one.Dispose();
            }
        }
    }
}
