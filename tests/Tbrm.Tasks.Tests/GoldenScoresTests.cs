using System.Collections.Generic;
using System.IO;
using System.Text.Json;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Testing;

namespace Tbrm.Tasks.Tests;

/// <summary>
/// Scores of mutated answers against those of the Python package's scorers (reasoning-gym at 49b0713): equal as floats,
/// or both raise.
/// </summary>
[TestFixture]
public sealed class GoldenScoresTests
{
    public static IEnumerable<TestCaseData> Entries()
    {
        foreach (string line in File.ReadLines(
            Repository.PathOf("tests", "Tbrm.Tasks.Tests", "Golden", "scores.jsonl")))
        {
            JsonObject row = (JsonObject)JsonNode.Parse(line)!;
            yield return new TestCaseData(row).SetArgDisplayNames((string)row["task"]!, row["index"]!.ToJsonString());
        }
    }

    [TestCaseSource(nameof(Entries))]
    public void Scores_are_the_packages(JsonObject row)
    {
        IReasoningTask task =
            TaskRegistry.Create((string)row["task"]!, (long)row["seed"]!, 50, (JsonObject)row["params"]!);
        TaskItem entry = task.Generate((long)row["index"]!);
        JsonArray answers = (JsonArray)row["answers"]!;
        JsonArray scores = (JsonArray)row["scores"]!;
        Assert.That(scores, Has.Count.EqualTo(answers.Count).And.Count.GreaterThan(0));
        Assert.Multiple(() =>
        {
            for (int i = 0; i < answers.Count; i++)
            {
                string? answer = (string?)answers[i];
                string what = $"oracle '{entry.Answer}', answer '{answer ?? "None"}'";
                if (scores[i]!.GetValueKind() == JsonValueKind.String)
                {
                    Assert.Throws<TaskScoreException>(() => task.Score(answer, entry), what);
                }
                else
                {
                    Assert.That(task.Score(answer, entry), Is.EqualTo((double)scores[i]!), what);
                }
            }
        });
    }
}
