using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>What a run leaves for people: summary, report, event files, warnings.</summary>
public sealed class RunFolderTests : FolderTests
{
    [Test]
    public void A_run_leaves_a_report_event_files_and_its_warnings()
    {
        string run = Path.Combine(Folder, "run");
        Outcome outcome = CommandLine.Run(
            ["train", "--run-dir", run, .. CommandLine.Tiny, "trainer.total_training_steps=4",
            "data.max_response_length=3", "data.task_val_size=10"]);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        JsonObject summary = (JsonObject)JsonNode.Parse(File.ReadAllText(Path.Combine(run, "summary.json")))!;
        Assert.That((bool)summary["finished"]!, Is.True);
        Assert.That((long)summary["steps"]!, Is.EqualTo(4));
        Assert.That(summary["warnings"]!.AsArray().Select(w => (string)w!["kind"]!), Does.Contain("clipped_responses"),
            "three tokens are no answer");
        Assert.That(outcome.Error, Does.Contain("warning: step 3: ").And.Contain("data.max_response_length"));
        Assert.That(outcome.Output, Does.Contain(" - training/warnings:"));
        Assert.That(Directory.GetFiles(Path.Combine(run, "tensorboard"), "events.out.tfevents.*"),
            Has.Length.EqualTo(1));
        JsonObject row = (JsonObject)JsonNode.Parse(File.ReadLines(Path.Combine(run, "metrics.jsonl")).Last())!;
        double all = (double)row["perf/total_num_tokens"]!,
            drawn = (double)row["response_length/mean"]! * File.ReadLines(Path.Combine(run, "rollouts", "4.jsonl"))
            .Count();
        Assert.That((double)row["perf/generated_tokens"]!, Is.EqualTo(drawn).Within(1e-9).Percent);
        Assert.That((string)summary["ended"]!, Is.EqualTo("finished"));
        JsonNode[] credited =
            [.. File.ReadLines(Path.Combine(run, "credit", "4.jsonl")).Select(l => JsonNode.Parse(l)!)];
        Assert.That(credited, Is.Not.Empty);
        Assert.That(credited.Select(c => c["credit"]!.AsArray().Count),
            Is.EqualTo(credited.Select(c => c["tokens"]!.AsArray().Count)));
        Assert.That(File.ReadAllText(Path.Combine(run, "report.html")), Does.Contain("What each token earned"));
        Assert.That((int)row["training/epoch"]!, Is.Zero);
        foreach ((string phase, double tokens) in new[] { ("gen", drawn), ("ref", all), ("update_actor", all) })
        {
            // Rounding of a product and a quotient.
            Assert.That((double)row["timing_per_token_ms/" + phase]!,
                Is.EqualTo(1000 * (double)row["timing_s/" + phase]! / tokens).Within(1e-12).Percent, phase);
        }

        string model = Path.Combine(run, "checkpoints", "global_step_4", "actor", "huggingface");
        JsonNode end = JsonNode.Parse(
            File.ReadAllText(Path.Combine(model, "tokenizer.json")))!["added_tokens"]!.AsArray()
            .Single(t => (string)t!["content"]! == "<|im_end|>")!["id"]!;
        foreach (string file in new[] { "config.json", "generation_config.json" })
        {
            Assert.That((int)JsonNode.Parse(File.ReadAllText(Path.Combine(model, file)))!["eos_token_id"]!,
                Is.EqualTo((int)end), "where transformers ends a response: " + file);
        }

        string report = File.ReadAllText(Path.Combine(run, "report.html"));
        Assert.That(report, Does.Contain(">finished<").And.Contain("Held-out accuracy").And.Contain(
            "Responses to held-out problems").And.Contain("Responses in training").And.Not.Contain(
            "http-equiv=\"refresh\"").And.Contain("tbrm-native train").And.Contain("global_step_4/actor/huggingface"));

        File.Delete(Path.Combine(run, "report.html"));
        Outcome again = CommandLine.Run("export", "report", "--run-dir", run);
        Assert.That(again.ExitCode, Is.Zero, again.Error);
        Assert.That(again.Output.Trim(), Is.EqualTo(Path.Combine(run, "report.html")));
        Assert.That(File.ReadAllText(Path.Combine(run, "report.html")), Is.EqualTo(report), "from the folder alone");
    }

    [Test]
    public void An_interrupted_run_has_a_report_and_goes_on_in_a_second_event_file()
    {
        string run = Path.Combine(Folder, "Ann's run");
        string[] arguments =
            ["train", "--run-dir", run, .. CommandLine.Tiny, "trainer.total_training_steps=400",
            "data.task_val_size=10"];
        using (Process process = CommandLine.Start(arguments))
        {
            System.Threading.Tasks.Task<string> error = process.StandardError.ReadToEndAsync();
            while (process.StandardOutput.ReadLine() is { } line
                && !line.StartsWith("step:5 ", System.StringComparison.Ordinal))
            {
            }

            using Process kill = Process.Start("kill", ["-INT", $"{process.Id}"]);
            _ = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.That(process.ExitCode, Is.EqualTo(130));
            Assert.That(error.Result, Does.Contain($"tbrm-native train --run-dir '{Folder}/Ann'\\''s run' --resume"),
                "to be copied into a shell");
        }

        Assert.That(File.ReadAllText(Path.Combine(run, "report.html")), Does.Match("up to step [0-9]+<"));
        long done = (long)JsonNode.Parse(File.ReadAllText(Path.Combine(run, "summary.json")))!["steps"]!;
        Outcome outcome = CommandLine.Run(
            "train", "--run-dir", run, "--resume", $"trainer.total_training_steps={done + 2}");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(File.ReadAllText(Path.Combine(run, "report.html")), Does.Contain(">finished<"));
        Assert.That(Directory.GetFiles(Path.Combine(run, "tensorboard")), Has.Length.EqualTo(2));
    }

    /// <summary>A sweep over seeds starts them all at once.</summary>
    [Test]
    public void Runs_that_begin_together_have_folders_of_their_own()
    {
        Process[] runs = [.. Enumerable.Range(1, 3).Select(seed => CommandLine.StartIn(Folder,
            ["train", .. CommandLine.Tiny, "trainer.total_training_steps=1", "trainer.val_before_train=false",
                "trainer.experiment_name=a/../b:c", $"trainer.seed={seed}"]))];
        foreach (Process run in runs)
        {
            _ = run.StandardOutput.ReadToEndAsync();
            string error = run.StandardError.ReadToEnd();
            run.WaitForExit();
            Assert.That(run.ExitCode, Is.Zero, error);
            run.Dispose();
        }

        string[] folders = Directory.GetDirectories(Path.Combine(Folder, "runs"));
        Assert.That(folders, Has.Length.EqualTo(3));
        Assert.That(folders.Select(
            f => (int)JsonNode.Parse(File.ReadAllText(Path.Combine(f, "summary.json")))!["seed"]!),
            Is.EquivalentTo(new[] { 1, 2, 3 }));
    }

    /// <summary>A folder that somebody sent: its configuration is nested deeper than any is. The report is made and
    /// says so.</summary>
    [Test]
    public void A_report_of_a_folder_whose_configuration_is_nested_without_end_says_so()
    {
        File.WriteAllText(Path.Combine(Folder, "config.resolved.yaml"),
            "data: " + new string('[', 100_000) + new string(']', 100_000) + "\n");
        File.WriteAllText(Path.Combine(Folder, "metrics.jsonl"), "{\"step\":1}\n");
        Outcome outcome = CommandLine.Run("export", "report", "--run-dir", Folder);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(File.ReadAllText(Path.Combine(Folder, "report.html")),
            Does.Contain("config.resolved.yaml").And.Contain("deep"));
    }

    [Test]
    public void A_folder_that_holds_no_run_is_named()
    {
        Outcome outcome = CommandLine.Run("export", "report", "--run-dir", Folder);
        Assert.That(outcome.ExitCode, Is.EqualTo(3));
        Assert.That(outcome.Error, Does.Contain(Folder).And.Contain("config.resolved.yaml"));
    }
}
