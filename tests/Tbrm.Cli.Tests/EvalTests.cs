using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using System.Threading;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>The verb <c>eval</c> as a process.</summary>
public sealed class EvalTests
{
    private string _folder = "";
    private string _model = "";

    [OneTimeSetUp]
    public void MakeModel()
    {
        _folder = CommandLine.TemporaryFolder();
        _model = Path.Combine(_folder, "model");
        TinyModel.Write(_model, tied: true);
        // The shapes in circulation: leading zeros, a JSON float, "Problem" and "Answer", an answer in the solution's
        // box, a list of answers.
        Write("aime24.jsonl", """{"id": 1, "problem": "What is 5 + 20?", "answer": "025", "url": "u"}""",
            """{"id": 2, "problem": "What is $3 \\cdot 11$?", "answer": "033"}""");
        Write("amc23.jsonl", """{"id": 1, "problem": "Half of 54?", "answer": 27.0}""",
            """{"id": 2, "problem": "2 - 3?", "answer": -1.0}""");
        Write("minerva.jsonl",
            """{"problem": "The speed of light in m/s?", "solution": "It is \\boxed{3e8} m/s", "type": "physics", "idx": 0}""");
        Write("olympiadbench.jsonl",
            """{"id": 1, "question": "Solve $x^2 = 4$.", "final_answer": ["$-2$", "$2$"], "is_multiple_answer": true, "context": null}""");
        Write("math500.jsonl",
            """{"problem": "Simplify.", "solution": "So \\boxed{\\frac12}.", "answer": "\\frac{1}{2}", "subject": "Algebra", "level": 1, "unique_id": "a"}""");
        Write("aime25.jsonl", """{"Problem": "1 + 1?", "Answer": 2}""");
    }

    [OneTimeTearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void All_six_benchmarks_in_one_command_keep_their_own_settings()
    {
        string rows = PathOf("all.jsonl");
        List<string> arguments =
            ["eval", "model.path=" + _model, "--json", "--out", rows, "rollout.val_kwargs.max_response_length=6",
            "trainer.threads=1"];
        foreach (string name in new[] { "aime24", "aime25", "amc23", "math500", "minerva", "olympiadbench" })
        {
            arguments.AddRange(["--preset", name, "--data", PathOf(name + ".jsonl")]);
        }

        Outcome outcome = CommandLine.Run([.. arguments]);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        JsonNode summary = JsonNode.Parse(outcome.Output)!;
        Dictionary<string, int> samples = ((JsonArray)summary["sources"]!)
            .ToDictionary(s => (string)s!["data_source"]!, s => (int)s!["samples_per_problem"]!);
        Assert.That(samples,
            Is.EqualTo(new Dictionary<string, int>
            {
                ["aime24"] = 32,
                ["aime25"] = 32,
                ["amc23"] = 32,
                ["math500"] = 1,
                ["minerva"] = 1,
                ["olympiadbench"] = 1
            }));
        Assert.That(summary["metrics"]!["val-core/amc23/acc/mean@32"], Is.Not.Null);
        Assert.That(((JsonObject)summary["sources"]![0]!["pass_at_k"]!).Count, Is.EqualTo(32), "pass@k for every k");

        List<JsonNode> all = Rows(rows);
        Assert.That(all, Has.Count.EqualTo((2 + 1 + 2) * 32 + 3));
        Assert.That(all.Select(r => (string)r["gts"]!).Distinct(),
            Is.EqualTo(new[] { "25", "33", "2", "27", "-1", @"\frac{1}{2}", "3e8", "-2, 2" }));
        string input = (string)all[0]["input"]!;
        Assert.That(input, Does.StartWith(
            "<|im_start|>system\nPlease reason step by step, and put your final answer within \\boxed{}.<|im_end|>"));
        Assert.That(all.Take(32).Select(r => (string)r["output"]!).Distinct().Count(), Is.GreaterThan(16),
            "sampled, not greedy");
        Assert.That(File.Exists(rows + ".partial"), Is.False);
    }

    [Test]
    public void Saved_rows_give_the_same_summary_without_a_model()
    {
        string rows = PathOf("again.jsonl");
        Outcome drawn = CommandLine.Run(
            "eval", "--preset", "amc23", "--data", PathOf("amc23.jsonl"), "model.path="
            + _model, "--json", "--out", rows,
            "rollout.val_kwargs.max_response_length=6", "rollout.val_kwargs.n=8", "trainer.threads=1");
        Assert.That(drawn.ExitCode, Is.Zero, drawn.Error);
        Outcome again = CommandLine.Run("eval", "--in", rows, "--json");
        Assert.That(again.ExitCode, Is.Zero, again.Error);
        Assert.That(again.Output, Is.EqualTo(drawn.Output));

        Outcome table = CommandLine.Run("eval", "--in", rows);
        Assert.That(table.Output.Split('\n')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries)[..3],
            Is.EqualTo(new[] { "amc23", "2", "8" }));
    }

    [Test]
    public void Killed_in_the_middle_it_goes_on_and_ends_with_the_same_rows()
    {
        string whole = PathOf("whole.jsonl"), killed = PathOf("killed.jsonl");
        Outcome reference = CommandLine.Run(Long(whole));
        Assert.That(reference.ExitCode, Is.Zero, reference.Error);

        string journal = killed + ".partial";
        using (Process process = CommandLine.Start(Long(killed)))
        {
            _ = process.StandardError.ReadToEndAsync();
            while (!process.HasExited && !(File.Exists(journal) && new FileInfo(journal).Length > 3000))
            {
                Thread.Sleep(5);
            }

            process.Kill();
            process.WaitForExit();
        }

        Assert.That(File.Exists(killed), Is.False, "no partial output under the final name");
        // A line that was being written when the process died.
        File.AppendAllText(journal, """{"set":"aime24","id":70""");
        Outcome resumed = CommandLine.Run(Long(killed));
        Assert.That(resumed.ExitCode, Is.Zero, resumed.Error);
        Assert.That(resumed.Error, Does.Contain("were sampled before and are kept"));
        Assert.That(File.ReadAllText(killed), Is.EqualTo(File.ReadAllText(whole)));
    }

    [Test]
    public void A_journal_of_other_settings_is_refused()
    {
        string rows = PathOf("other.jsonl");
        File.WriteAllText(rows + ".partial",
            """{"model":"","dtype":"auto","device":"auto","prompts":"","sampling":""}""" + "\n");
        Outcome outcome = CommandLine.Run(Long(rows));
        Assert.That(outcome.ExitCode, Is.EqualTo(3), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("model, prompts, sampling differ"));
    }

    [TestCase("--preset aime42 --data x", 2, "aime24")]
    [TestCase("--preset aime24", 2, "--data FILE")]
    [TestCase("--preset aime24 --preset amc23 --data x", 2, "each benchmark needs its file")]
    [TestCase("--in nowhere.jsonl", 3, "nowhere.jsonl")]
    [TestCase("rollout.val_kwargs.n=4", 2, "do_sample=true")]
    public void Bad_arguments_say_what_to_write(string arguments, int exitCode, string expected)
    {
        Outcome outcome = CommandLine.Run(["eval", .. arguments.Split(' '), "model.path=" + _model]);
        Assert.That(outcome.ExitCode, Is.EqualTo(exitCode), outcome.Error);
        Assert.That(outcome.Error, Does.Contain(expected).And.Not.Contain("   at Tbrm."));
    }

    private string[] Long(string rows) =>
    [
        "eval", "--preset", "aime24", "--data", PathOf("aime24.jsonl"), "--preset", "amc23", "--data",
            PathOf("amc23.jsonl"), "model.path=" + _model, "--json", "--out", rows,
        "rollout.val_kwargs.max_response_length=200", "rollout.max_num_seqs=4", "trainer.threads=1",
    ];

    private static List<JsonNode> Rows(string path) => [.. File.ReadLines(path).Select(line => JsonNode.Parse(line)!)];

    private string PathOf(string file) => Path.Combine(_folder, file);

    private void Write(string file, params string[] lines) => File.WriteAllLines(PathOf(file), lines);
}
