using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Testing;

namespace Tbrm.Cli.Tests;

/// <summary>The scripts of examples/, run as they stand at a tiny size: what examples/README.md says that they
/// leave.</summary>
[Platform("Linux")]
public sealed class ExampleTests
{
    private static readonly string[] s_tiny =
    [
        "trainer.threads=2", "trainer.console=quiet", "data.train_batch_size=8", "data.val_max_samples=12",
        "rollout.n=2", "model.scratch.hidden_size=32", "model.scratch.intermediate_size=64",
        "model.scratch.num_hidden_layers=1", "data.task_val_size=12",
    ];

    private string _folder = "";
    private Outcome _gsm8k = new(0, "", "");

    private string Base => Path.Combine(_folder, "gsm8k");

    /// <summary>The first example makes what several others begin with.</summary>
    [OneTimeSetUp]
    public void Begin()
    {
        _folder = CommandLine.TemporaryFolder();
        Program("tbrm-native", $"exec dotnet '{Path.Combine(AppContext.BaseDirectory, "tbrm-native.dll")}' \"$@\"");
        _gsm8k = Run("gsm8k/run.sh", "gsm8k");
    }

    [OneTimeTearDown]
    public void End() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Gsm8k_ends_with_a_model_folder_and_how_to_serve_it()
    {
        string model = _gsm8k.Output.Split('\n').Single(l => l.StartsWith("model: ", StringComparison.Ordinal))[7..];
        Assert.That(File.Exists(Path.Combine(model, "model.safetensors")));
        Assert.That(File.Exists(Path.Combine(model, "tokenizer.json")));
        Assert.That(_gsm8k.Output, Does.Contain("vllm serve " + model).And.Contain("gsm8k"));
        Assert.That(JsonNode.Parse(_gsm8k.Output.Split('\n').Single(l => l.StartsWith('{')))!["response"], Is.Not.Null);
        Assert.That(File.ReadAllText(Path.Combine(Base, "sft", "metrics.jsonl")),
            Does.Contain("val-core/gsm8k/acc/mean@1"));
        Assert.That(Steps(Path.Combine(Base, "train")), Is.EqualTo(2));
    }

    /// <summary>With python3 where there is one; else a program that answers its questions in its place.</summary>
    [Test]
    public void A_grader_in_python_scores_and_trains() => Graded(Run("grader/python.sh", "python",
        ("PYTHON", Python())), "python", "extracted\":null");

    [Test]
    public void A_grader_in_csharp_scores_and_trains() => Graded(Run("grader/csharp.sh", "csharp",
        ("GRADER", Built("NearestGrader"))), "csharp", "extracted\":\"19\"");

    [Test]
    public void An_adapter_is_exported_and_merged()
    {
        Outcome outcome = Run("lora/run.sh", "lora", ("BASE", Base));
        Assert.That(File.Exists(Path.Combine(_folder, "lora", "adapter", "adapter_model.safetensors")));
        Assert.That(File.Exists(Path.Combine(_folder, "lora", "merged", "model.safetensors")));
        Assert.That(outcome.Output, Does.Contain("gsm8k"));
        Assert.That(File.ReadLines(Path.Combine(_folder, "lora", "merged.jsonl")).Count(), Is.EqualTo(200));
    }

    [Test]
    public void A_mixture_has_an_accuracy_of_each_task()
    {
        Outcome outcome = Run("mixture/run.sh", "mixture");
        Assert.That(outcome.Output, Does.Contain("chain_sum").And.Contain("gcd").And.Contain("average"));
        string metrics = File.ReadAllText(Path.Combine(_folder, "mixture", "metrics.jsonl"));
        Assert.That(metrics, Does.Contain("critic/score/chain_sum/mean").And.Contain("critic/score/gcd/mean"));
    }

    [Test]
    public void Training_from_a_file_generates_nothing_and_needs_no_reference()
    {
        Run("offline/run.sh", "offline", ("BASE", Base));
        string rows = Path.Combine(_folder, "offline", "trajectories.jsonl");
        JsonNode first = JsonNode.Parse(File.ReadLines(rows).First())!;
        Assert.That(first["ref_logp"]!.AsArray(), Has.Count.EqualTo(first["response_ids"]!.AsArray().Count));
        Assert.That(first["prompt"]!.GetValue<string>(), Does.EndWith("output the final answer after \"####\"."));
        string metrics = File.ReadAllText(Path.Combine(_folder, "offline", "train", "metrics.jsonl"));
        Assert.That(metrics, Does.Contain("\"critic/score/mean\":0.5").And.Not.Contain("timing_s/ref\""));
        Assert.That(Steps(Path.Combine(_folder, "offline", "train")), Is.EqualTo(2));
    }

    [Test]
    public void Ppo_stands_beside_tbrm_on_a_page()
    {
        Outcome outcome = Run("compare/run.sh", "compare", ("BASE", Base), ("SEEDS", "1"));
        Assert.That(outcome.Output, Does.Contain("tbrm").And.Contain("ppo"));
        string page = Path.Combine(_folder, "compare", "comparison", "comparison");
        Assert.That(File.Exists(page + ".html"));
        Assert.That(JsonNode.Parse(File.ReadAllText(page + ".json"))!["arms"]!.AsArray(), Has.Count.EqualTo(2));
    }

    [Test]
    public void An_objective_is_checked_and_trains()
    {
        Outcome outcome = Run("objective/run.sh", "objective", ("BASE", Base), ("OBJECTIVE", Built("HuberBellman")));
        Assert.That(outcome.Output, Does.Contain("finite differences"));
        Assert.That(Steps(Path.Combine(_folder, "objective", "train")), Is.EqualTo(2));
    }

    [Test]
    public void A_folder_that_is_there_is_left_alone()
    {
        Outcome outcome = Start("gsm8k/run.sh", "gsm8k");
        Assert.That(outcome.ExitCode, Is.EqualTo(2));
        Assert.That(outcome.Error, Does.Contain("is there already"));
    }

    /// <summary>The page lists each script, and no other.</summary>
    [Test]
    public void The_page_lists_every_script()
    {
        string page = File.ReadAllText(Repository.PathOf("examples", "README.md"));
        IEnumerable<string> scripts =
            Directory.EnumerateFiles(Repository.PathOf("examples"), "*.sh", SearchOption.AllDirectories)
            .Where(f => File.ReadAllText(f).Contains("\n# OUT:", StringComparison.Ordinal))
            .Select(f => Path.GetRelativePath(Repository.Root, f));
        Assert.That(scripts, Is.Not.Empty);
        Assert.That(scripts.Where(s => !page.Contains($"`{s}`", StringComparison.Ordinal)), Is.Empty);
        Assert.That(page.Split('`', '=', ' ').Where(w => w.EndsWith(".sh", StringComparison.Ordinal)
            && !File.Exists(Repository.PathOf(w))), Is.Empty);
    }

    private void Graded(Outcome outcome, string name, string extracted)
    {
        string rows = Path.Combine(_folder, name, "scored.jsonl");
        JsonNode[] scored = [.. File.ReadLines(rows).Select(l => JsonNode.Parse(l)!)];
        Assert.That(scored.Select(r => r["score"]!.GetValue<double>()), Is.EqualTo(new[] { 1, 0.7 }).Within(1e-12));
        Assert.That(scored[1]["numbers"]!["off_by"]!.GetValue<double>(), Is.EqualTo(3));
        Assert.That(outcome.Output, Does.Contain(extracted).And.Contain("sums"));
        Assert.That(File.ReadAllText(Path.Combine(_folder, name, "train", "metrics.jsonl")),
            Does.Contain("\"reward/off_by/mean\""));
    }

    private Outcome Run(string script, string name, params (string Name, string Value)[] variables)
    {
        Outcome outcome = Start(script, name, variables);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Output + outcome.Error);
        return outcome;
    }

    private Outcome Start(string script, string name, params (string Name, string Value)[] variables)
    {
        ProcessStartInfo start = new("bash")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder,
        };
        foreach (string argument in s_tiny.Prepend(Repository.PathOf("examples", script)))
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["PATH"] = _folder + Path.PathSeparator + Environment.GetEnvironmentVariable("PATH");
        foreach ((string variable, string value) in variables.Concat(
            [("OUT", Path.Combine(_folder, name)), ("ROWS", "100"), ("SFT_STEPS", "2"), ("STEPS", "2")]))
        {
            start.Environment[variable] = value;
        }

        using Process process = Process.Start(start)!;
        System.Threading.Tasks.Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new(process.ExitCode, output, error.Result);
    }

    private static int Steps(string run) =>
        JsonNode.Parse(File.ReadAllText(Path.Combine(run, "summary.json")))!["steps"]!.GetValue<int>();

    private static string Built(string project) => Path.Combine(
        AppContext.BaseDirectory.Replace("Tbrm.Cli.Tests", project, StringComparison.Ordinal), project + ".dll");

    private string Python()
    {
        bool isThere = Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator)
            .Any(folder => File.Exists(Path.Combine(folder, "python3")));
        return isThere ? "python3" : Program("stand-in", """
            while IFS= read -r line; do
                id=$(expr "$line" : '.*"id":\([0-9]*\)')
                said=$(printf '%s' "$line" |
                    sed -n 's/.*"solution_str":"\([^"]*[^0-9"]\)*\([0-9][0-9]*\)[^0-9"]*".*/\2/p')
                right=$(expr "$line" : '.*"ground_truth":"\([0-9]*\)"')
                awk -v id="$id" -v said="$said" -v right="$right" 'BEGIN {
                    off = said == "" ? 10 : said - right; off = off < 0 ? -off : off; off = off > 10 ? 10 : off
                    printf "{\"id\":%d,\"score\":%g,\"acc\":%d,\"off_by\":%d}\n", id, 1 - off / 10, off == 0, off }'
            done
            """);
    }

    private string Program(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, "#!/bin/sh\n" + text + "\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        return path;
    }
}
