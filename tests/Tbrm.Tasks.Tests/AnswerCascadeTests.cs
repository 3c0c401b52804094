using System.IO;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Testing;

namespace Tbrm.Tasks.Tests;

/// <summary>Against reasoning-gym's <c>score_answer_cascade</c> (49b0713) without Math-Verify: rows of task, index,
/// answer, score.</summary>
[TestFixture]
public sealed class AnswerCascadeTests
{
    [Test]
    public void Scores_are_the_packages()
    {
        int count = 0;
        foreach (string line in File.ReadLines(
            Repository.PathOf("tests", "Tbrm.Tasks.Tests", "Golden", "cascade.jsonl")))
        {
            JsonArray row = (JsonArray)JsonNode.Parse(line)!;
            IReasoningTask task = TaskRegistry.Create((string)row[0]!, 5, 50);
            TaskItem entry = task.Generate((int)row[1]!);
            Assert.That(AnswerCascade.Score(task, (string?)row[2], entry), Is.EqualTo((double)row[3]!), line);
            count++;
        }

        Assert.That(count, Is.GreaterThan(100));
    }

    [Test]
    public void A_symbolic_match_can_raise_the_score_but_not_lower_it()
    {
        IReasoningTask task = TaskRegistry.Create("gcd", 5, 1);
        TaskItem entry = task.Generate(0);
        string[] seen = [];
        double Match(string answer, string expected)
        {
            seen = [.. seen, answer];
            return answer.Contains("\\text", System.StringComparison.Ordinal) ? 1 : 0;
        }

        Assert.That(AnswerCascade.Score(task, "x\\mathrm{y}", entry, Match), Is.EqualTo(1));
        Assert.That(seen, Is.EqualTo(new[] { "x\\mathrm{y}", "x\\text{y}" }));
        Assert.That(AnswerCascade.Score(task, entry.Answer, entry, (_, _) => 0), Is.EqualTo(1));
        Assert.That(AnswerCascade.Score(task, null, entry, (_, _) => 1), Is.Zero);
    }
}
