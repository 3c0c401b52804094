using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>A task trains while rows of several data sources evaluate: each row is graded by the grader of its own
/// source.</summary>
public sealed class MixedSourceTests : FolderTests
{
    [Test]
    public void Evaluation_rows_of_other_sources_are_graded_beside_a_task()
    {
        string run = Path.Combine(Folder, "run");
        Outcome outcome = CommandLine.Run(
            Arguments(run, Row("openai/gsm8k"), Row("math_dapo"), Row("lighteval/MATH"), Row("reasoning_gym/lcm")));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);

        JsonObject first = (JsonObject)JsonNode.Parse(File.ReadLines(Path.Combine(run, "metrics.jsonl")).First())!;
        Dictionary<string, double> rewards =
            first.Where(metric => metric.Key.StartsWith("val-aux/", System.StringComparison.Ordinal)
            && metric.Key.EndsWith("/reward/mean@1", System.StringComparison.Ordinal))
            .ToDictionary(metric => metric.Key["val-aux/".Length..^"/reward/mean@1".Length],
                metric => (double)metric.Value!);

        // A model that has learned nothing: math_dapo says -1 where the others say 0.
        Assert.That(rewards,
            Is.EquivalentTo(new Dictionary<string, double>
            {
                ["openai/gsm8k"] = 0,
                ["math_dapo"] = -1,
                ["lighteval/MATH"] = 0,
                ["reasoning_gym/lcm"] = 0
            }),
            string.Join(", ", first.Select(metric => metric.Key)));
    }

    [Test]
    public void A_source_without_a_grader_is_an_error_before_the_first_step()
    {
        Outcome outcome = CommandLine.Run(Arguments(Path.Combine(Folder, "run"), Row("openai/gsm8k"), Row("my_rows")));
        Assert.That(outcome.ExitCode, Is.EqualTo(2), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("my_rows").And.Contain("reward.graders"));
    }

    private string[] Arguments(string run, params string[] rows)
    {
        string file = Path.Combine(Folder, "val.jsonl");
        File.WriteAllLines(file, rows);
        return
        [
            "train", "--run-dir", run, .. CommandLine.Tiny, "data.task=gcd", "data.task_params={}",
                $"data.val_files=[{file}]", "rollout.n=1", "data.max_response_length=6",
            "reward.answer_form=text", "sft.worked_share=0", "sft.total_training_steps=1",
                "trainer.total_training_steps=1",
        ];
    }

    private static string Row(string source) => new JsonObject
    {
        ["data_source"] = source,
        ["prompt"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "What is 6 times 7 times 1001?" }),
        ["reward_model"] = new JsonObject { ["style"] = "rule", ["ground_truth"] = "42042" },
    }.ToJsonString();
}
