using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>Before a run begins, every ground truth of its files is graded as its own answer.</summary>
public sealed class SelfTestTests : FolderTests
{
    private const int Rows = 200;

    [Test]
    public void Ground_truths_far_down_in_the_training_file_stop_the_run()
    {
        Outcome outcome = CommandLine.Run(Arguments(File("train", badFrom: 180), File("val", badFrom: Rows)));
        Assert.That(outcome.ExitCode, Is.EqualTo(2), outcome.Error);
        Assert.That(outcome.Error,
            Does.Contain("180 of 200 ground truths").And.Contain("row 181 of openai/gsm8k: 'word 180'").And.Contain(
            "reward.self_test_threshold"));
    }

    [Test]
    public void Ground_truths_of_evaluation_files_are_warned_of()
    {
        Outcome outcome = CommandLine.Run(Arguments(File("train", badFrom: 195), File("val", badFrom: 100)));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(outcome.Error,
            Does.Contain("self-test of train: 195 of 200").And.Contain("self-test of val: 100 of 200").And.Contain(
            "data.val_files: the grader").And.Contain("row 101 of openai/gsm8k"));
    }

    private string[] Arguments(string train, string val) =>
    [
        "train", "--run-dir", Path.Combine(Folder, "run"), .. CommandLine.Tiny, "data.task=", "data.task_params={}",
            $"data.train_files=[{train}]", $"data.val_files=[{val}]",
        "data.val_max_samples=200", "data.max_response_length=6", "reward.answer_form=text", "sft.worked_share=0",
            "sft.total_training_steps=0",
        "trainer.val_before_train=false", "trainer.total_training_steps=0",
    ];

    /// <summary>Rows whose ground truth is a number, and, from one on, a word that GSM8K's grader cannot
    /// read.</summary>
    private string File(string name, int badFrom)
    {
        string file = Path.Combine(Folder, name + ".jsonl");
        System.IO.File.WriteAllLines(file, Enumerable.Range(0, Rows).Select(i => new JsonObject
        {
            ["data_source"] = "openai/gsm8k",
            ["prompt"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = $"What is {i} + 0?" }),
            ["reward_model"] = new JsonObject
            {
                ["style"] = "rule",
                ["ground_truth"] = i < badFrom ? $"{i}" : $"word {i}"
            },
        }.ToJsonString()));
        return file;
    }
}
