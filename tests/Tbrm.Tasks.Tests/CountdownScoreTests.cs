using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Testing;

namespace Tbrm.Tasks.Tests;

/// <summary>
/// Against reasoning-gym's countdown scorer (49b0713) over SymPy 1.11.1: random expressions with conditions, chains of
/// comparisons, lists with an index,
/// repeating decimals, shifts and functions.
/// </summary>
[TestFixture]
public sealed class CountdownScoreTests
{
    [Test]
    public void Unusual_expressions_score_as_in_the_package()
    {
        IReasoningTask task = TaskRegistry.Create("countdown");
        string[] lines = File.ReadAllLines(
            Repository.PathOf("tests", "Tbrm.Tasks.Tests", "Golden", "countdown_exotic.jsonl"));
        string[] wrong = [.. lines.Select(line => JsonNode.Parse(line)!)
            .Where(row => Score(task, row) != (double)row["score"]!).Select(row => row.ToJsonString())];
        Assert.That(lines, Has.Length.GreaterThan(300));
        Assert.That(wrong, Is.Empty);
    }

    [TestCase("[1, 2")]
    [TestCase("[1, 2][2]")]
    [TestCase("[1, 2][0.5]")]
    [TestCase("1 if 2 > 1")]
    [TestCase("1 if x > 1 else 2")]
    [TestCase("0.[0]")]
    [TestCase("(1 < 2) + 1")]
    public void What_has_no_value_scores_one_hundredth(string answer)
    {
        JsonObject metadata = new() { ["numbers"] = new JsonArray(1, 2), ["target"] = 3 };
        Assert.That(TaskRegistry.Create("countdown").Score(answer, new TaskItem("", "3", metadata)), Is.EqualTo(0.01));
    }

    private static double Score(IReasoningTask task, JsonNode row) =>
        task.Score((string)row["answer"]!,
            new TaskItem("", "",
            new JsonObject { ["numbers"] = row["numbers"]!.DeepClone(), ["target"] = row["target"]!.DeepClone() }));
}
