using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Tbrm.Testing;

namespace Tbrm.Cli.Tests;

/// <summary>
/// What documents name of the reader's, made small: a model, runs, an adapter, files of rows, programs. A command's
/// words become paths to it, what the command writes gets a folder of its own, and sizes are made tiny by what stands
/// behind the command's own words.
/// </summary>
internal sealed partial class DocumentedScene
{
    private static readonly string[] s_outputs = ["--out", "--html", "--init"];

    /// <summary>Options that say how much is computed, and what is enough.</summary>
    private static readonly Dictionary<string, string> s_small = new()
    {
        ["--lengths"] = "8",
        ["--batch"] = "2",
        ["--rounds"] = "1",
        ["--seeds"] = "1,2",
        ["--sweep"] = "rollout.lag=0,1",
        ["--size"] = "20",
    };

    /// <summary>The quickest case of a group of benchmarks.</summary>
    private static readonly Dictionary<string, string> s_case = new()
    {
        ["kernels"] = "residual",
        ["decode"] = "decode, batch 1 fp32",
    };

    private static readonly string[] s_run =
    [
        "trainer.threads=2", "trainer.console=quiet", "trainer.total_training_steps=1", "data.train_batch_size=4",
        "data.task_val_size=4", "data.val_max_samples=4", "sft.total_training_steps=1", "sft.train_batch_size=4",
        "sft.optim.lr_warmup_steps=0", "actor.optim.lr_warmup_steps=0",
    ];

    private static readonly string[] s_scratch =
    [
        "model.scratch.hidden_size=32", "model.scratch.intermediate_size=64", "model.scratch.num_hidden_layers=1",
    ];

    /// <summary>With a model that writes any text: short answers.</summary>
    private static readonly string[] s_short =
        ["data.max_prompt_length=1024", "data.max_response_length=32", "rollout.val_kwargs.max_response_length=8"];

    private readonly string _folder;
    private readonly string _model;
    private readonly string _run;

    public DocumentedScene(string folder)
    {
        _folder = folder;
        _model = In("model");
        _run = In("run");
        TinyModel.Write(_model, tied: true);
        WriteFiles();
        Invoke(["train", "--run-dir", _run, .. s_run, .. s_scratch, "trainer.save_freq=1"]);
        Invoke(["train", "--run-dir", In("lora"), "model.path=" + _model, "model.lora_rank=2", "data.task=chain_sum",
            .. s_run, .. s_short]);
        Invoke(["export", "adapter", "--run-dir", In("lora"), "--out", In("adapter")]);
        Invoke(["config", "--init", In("my.yaml"), "model.path=" + _model, $"data.train_files=[{In("train.parquet")}]",
            $"data.val_files=[{In("aime24.jsonl")}]"]);
        File.WriteAllText(In("mine.yaml"), CommandLine.Run("config", "--from-verl", In("verl.sh")).Output);
        foreach (string name in new[] { "a", "b", "good", "bad" })
        {
            Copy(_run, In("runs", name));
        }
    }

    /// <summary>The command on what stands in for the reader's files.</summary>
    /// <param name="command">As it is documented.</param>
    /// <param name="number">Of the command: what it writes is its own.</param>
    public string[] Words(DocumentedCommand command, int number)
    {
        List<string> words = [];
        string[] given = command.Arguments;
        string @out = In("out", number.ToString(CultureInfo.InvariantCulture));
        Directory.CreateDirectory(@out);
        int runs = 0;
        for (int i = 0; i < given.Length; i++)
        {
            string option = i == 0 ? "" : given[i - 1];
            words.Add(option switch
            {
                _ when s_outputs.Contains(option) => Path.Combine(@out, Path.GetFileName(given[i])),
                _ when s_small.TryGetValue(option, out string? small) => small,
                "--shape" when command.Verb is "bench" or "profile" => "small",
                "--filter" => command.Verb == "bench" ? s_case[given[1]] : "data_source:*",
                "-c" when given[i] == "NAME" => "default",
                "--dtype" when command.Verb == "bench" => "fp32",
                "--llama-bench" => In("llama-bench"),
                "--run-dir" when given[i] is not ("RUN" or "DIR" or "runs/RUN") && !given.Contains("--resume") =>
                    Path.Combine(@out, Path.GetFileName(given[i])),
                "--run-dir" when given.Contains("--resume") => Resumable(command.Verb, @out),
                "--run-dir" => given.Any(w => w is "adapter" or "merge" or "gguf") ? In("lora") : _run,
                _ when given[i] == "RUN" && command.Verb == "compare" => In("runs", runs++ == 0 ? "a" : "b"),
                _ => Standing(given[i], @out),
            });
        }

        return [.. words, .. Sizes(command.Verb, given, @out)];
    }

    /// <summary>Runs the program in this process.</summary>
    public static int Invoke(string[] words)
    {
        ParseResult parsed = Program.CreateRoot().Parse(words);
        Assert.That(parsed.Errors.Select(e => e.Message), Is.Empty, string.Join(' ', words));
        return parsed.Invoke(new() { EnableDefaultExceptionHandler = false });
    }

    private string In(params string[] parts) => Path.Combine([_folder, .. parts]);

    /// <summary>Names of the reader's in a word, as paths.</summary>
    private string Standing(string word, string @out)
    {
        string named = Published().Replace(word, _model);
        named = Name().Replace(named, name => name.Value switch
        {
            "RUN" or "runs/RUN" => _run,
            "BASE" or "MODEL" or "DIR" => _model,
            "ADAPTER" => In("adapter"),
            "AGAIN" => Path.Combine(@out, "again"),
            "FILE" => In("rows.jsonl"),
            "IN" => In("trajectories.jsonl"),
            "NAME" => "tbrm",
            "KEY" => "trainer.seed",
            _ => name.Value,
        });
        named = OwnFile().Replace(named, file => file.Value switch
        {
            "run_qwen3_8b_fsdp.sh" or "run.sh" => In("verl.sh"),
            "NearestGrader.dll" => BuiltProject("NearestGrader"),
            _ => In(file.Value),
        });
        named = named.Replace("artifacts/bin/HuberBellman/release/HuberBellman.dll", BuiltProject("HuberBellman"),
                StringComparison.Ordinal)
            .Replace("examples/", Repository.PathOf("examples") + "/", StringComparison.Ordinal)
            .Replace("runs/", In("runs") + "/", StringComparison.Ordinal);
        // The program that grades is one of the shell's: python3 need not be there.
        return Python().Replace(named, m => m.Value.Contains('"', StringComparison.Ordinal)
            ? $"\"sh\",\"{In("grade.sh")}\"" : $"sh, {In("grade.sh")}");
    }

    private string[] Sizes(string verb, string[] given, string @out)
    {
        bool hasModel = given.Any(w => w == "my.yaml" || w.StartsWith("model.path=", StringComparison.Ordinal));
        bool hasRun = given.Any(w => w is "--run-dir" or "--dry-run"
            || w.StartsWith("trainer.run_dir=", StringComparison.Ordinal));
        string[] files = given.Contains("mine.yaml")
            ? ["model.path=" + _model, $"data.train_files=[{In("train.parquet")}]",
                $"data.val_files=[{In("train.parquet")}]", "trainer.n_gpus_per_node=1",
                "actor.ppo_mini_batch_size=4"] : [];
        string[] @short = hasModel || files.Length > 0 ? s_short : [];
        return (verb, given.ElementAtOrDefault(1)) switch
        {
            ("train" or "sft", _) when given.Contains("--resume") => ["trainer.console=quiet"],
            ("config", "--init") => [],
            ("train" or "sft", _) when given.Any(w => w.StartsWith("data.trajectories=", StringComparison.Ordinal)) =>
                ["trainer.threads=2", "trainer.console=quiet", "data.train_batch_size=1", "data.task_val_size=4"],
            ("train" or "sft", _) => [.. files, .. s_run, .. @short, .. hasModel || files.Length > 0 ? [] : s_scratch,
                .. hasRun ? Array.Empty<string>() : ["--run-dir", Path.Combine(@out, "run")]],
            ("eval", _) => ["trainer.threads=2", "data.task_val_size=4", "data.val_max_samples=4", .. @short,
                .. given.Contains("--out") ? Array.Empty<string>() : ["--out", Path.Combine(@out, "rows.jsonl")]],
            ("generate", _) => ["trainer.threads=2", .. @short],
            ("compare", _) when given.Contains("-c") => [.. s_run, .. s_scratch, "--parallel", "2", "--samples", "0",
                .. given.Contains("--seeds") ? Array.Empty<string>() : ["--seeds", "1"]],
            ("compare", _) => ["--run-dir", Path.Combine(@out, "comparison")],
            ("profile", "memory") => ["trainer.threads=2", "--lengths", "8", "--batch", "2", "--steps", "1"],
            ("profile", "time") => ["trainer.threads=2", "--lengths", "8", "--batch", "2"],
            ("bench", var group) => ["--time-per-case", "0.001", "--threads", "1",
                .. given.Contains("--filter") ? Array.Empty<string>() : ["--filter", s_case[group!]]],
            _ => [],
        };
    }

    /// <summary>A run of the verb that was stopped after its first step.</summary>
    private string Resumable(string verb, string @out)
    {
        string run = Path.Combine(@out, "stopped");
        if (verb == "train")
        {
            Copy(_run, run);
        }
        else
        {
            Invoke(["sft", "model.path=" + _model, $"sft.train_files=[{In("train.jsonl")}]", "--run-dir", run, .. s_run,
                .. s_short]);
        }

        return run;
    }

    private static string BuiltProject(string name) => Path.Combine(
        AppContext.BaseDirectory.Replace("Tbrm.Cli.Tests", name, StringComparison.Ordinal), name + ".dll");

    private static void Copy(string from, string to)
    {
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    /// <summary>Names of published models, with the folder that they are in.</summary>
    [GeneratedRegex(@"/?(?:models/)?Qwen2\.5[\w.-]*")]
    private static partial Regex Published();

    [GeneratedRegex(@"(?<![\w/-])(?:runs/RUN|RUN|BASE|MODEL|DIR|ADAPTER|AGAIN|FILE|IN|NAME|KEY)(?![\w-])")]
    private static partial Regex Name();

    [GeneratedRegex(@"(?<![\w/.-])[\w-]+\.(?:jsonl|json|yaml|parquet|dll|sh)(?![\w.])")]
    private static partial Regex OwnFile();

    [GeneratedRegex(@"""python3"",""grade\.py""|python3, grade\.py")]
    private static partial Regex Python();
}
