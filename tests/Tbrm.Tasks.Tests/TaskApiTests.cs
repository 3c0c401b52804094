using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Core.Rewards;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks.Tests;

[TestFixture]
public sealed class TaskApiTests
{
    private const string Mixture =
        """{"datasets": [{"name": "gcd", "weight": 1}, {"name": "quantum_lock", "weight": 2, "config": {"difficulty": 3}}]}""";

    /// <summary>Expected values: what reasoning-gym's <c>extract_answer</c> gives.</summary>
    [TestCase("<answer>5</answer>", "5")]
    [TestCase("a <answer> 5 \n</answer> b <answer>6</answer>", "6")]
    [TestCase("none", null)]
    [TestCase("<answer>", null)]
    [TestCase("<answer>a<answer>b</answer>", "a<answer>b")]
    [TestCase("</answer><answer></answer>", "")]
    [TestCase("<answer>1</answer></answer>", "1")]
    [TestCase("<answer>\n\n x\u3000</answer>", "x")]
    public void The_last_tagged_answer_is_taken(string response, string? expected)
    {
        Assert.That(AnswerExtraction.Extract(response, AnswerForm.AnswerTag), Is.EqualTo(expected));
    }

    /// <summary>The hashes are those of the package's texts.</summary>
    [TestCase("DeepSeekZero", "b8b913a7d07af3a3")]
    [TestCase("default", "9c1c3bbcecedecb6")]
    [TestCase("simple", "ecdd5748ccf1bd83")]
    [TestCase("direct", "a42fcdf9e0a431d4")]
    [TestCase("chain_of_draft", "00195f60f7e00b70")]
    public void System_prompts_are_the_packages(string name, string hash)
    {
        byte[] bytes = SHA256.HashData(Encoding.UTF8.GetBytes(SystemPrompts.Get(name)));
        Assert.That(Convert.ToHexStringLower(bytes)[..16], Is.EqualTo(hash));
        Assert.That(SystemPrompts.Names, Does.Contain(name).And.Count.EqualTo(5));
    }

    [Test]
    public void Every_task_makes_the_same_items_from_many_threads([ValueSource(nameof(TaskNames))] string name)
    {
        JsonObject parameters = name == TaskMixture.TaskName ? (JsonObject)JsonNode.Parse(Mixture)! : [];
        IReasoningTask task = TaskRegistry.Create(name, 11, 40, parameters);
        string[] expected = [.. Enumerable.Range(0, 40)
            .Select(i => PythonJson.Write(task.Generate(i).Metadata) + task.Generate(i).Question)];
        ConcurrentBag<int> wrong = [];
        IReasoningTask fresh = TaskRegistry.Create(name, 11, 40, parameters);
        Parallel.For(0, 400, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            TaskItem item = fresh.Generate(i % 40);
            if (PythonJson.Write(item.Metadata) + item.Question != expected[i % 40])
            {
                wrong.Add(i);
            }
        });
        Assert.That(wrong, Is.Empty);
        Assert.That(expected.Distinct().Count(), Is.GreaterThan(1));
    }

    [Test]
    public void Every_task_scores_its_own_answer_with_one([ValueSource(nameof(TaskNames))] string name)
    {
        JsonObject parameters = name == TaskMixture.TaskName ? (JsonObject)JsonNode.Parse(Mixture)! : [];
        IReasoningTask task = TaskRegistry.Create(name, 5, 30, parameters);
        TaskGrader grader = new(AnswerForm.AnswerTag, task);
        for (int i = 0; i < 30; i++)
        {
            Prompt prompt = TaskPrompts.At(task, i, SystemPrompts.Get("default"));
            GradeRequest request =
                new(prompt.DataSource, $"Let me see.\n<answer>{prompt.GroundTruth}</answer>", prompt.GroundTruth,
                prompt.ExtraInfo);
            Assert.That(grader.Grade(request, CancellationToken.None),
                Is.EqualTo(new GradeResult(1, GradeStatus.Ok, prompt.GroundTruth.Text)));
            GradeResult silent = grader.Grade(request with { Solution = "No idea." }, CancellationToken.None);
            Assert.That((silent.Status, silent.Score < 0.02), Is.EqualTo((GradeStatus.NoAnswer, true)));
        }
    }

    [Test]
    public void A_grader_reports_what_the_scorer_cannot_grade()
    {
        TaskGrader grader = new(AnswerForm.Text);
        GradeResult raised = grader.Grade(
            new GradeRequest("prime_factorization", "2 x 3", "2 × 3"), CancellationToken.None);
        Assert.That((raised.Status, raised.Score), Is.EqualTo((GradeStatus.Error, 0.0)));
        Assert.That(raised.Detail, Does.Contain("2 x 3"));
        GradeResult unknown = grader.Grade(new GradeRequest("math_dapo", "1", "1"), CancellationToken.None);
        Assert.That(unknown.Status, Is.EqualTo(GradeStatus.Error));
        GradeResult incomplete =
            grader.Grade(new GradeRequest("shortest_path", "up", "down", []), CancellationToken.None);
        Assert.That((incomplete.Status, incomplete.Detail),
            Is.EqualTo((GradeStatus.Error, "entry.metadata.matrix: a list was expected, found null")));
    }

    [Test]
    public void A_mixture_gives_its_tasks_their_own_seeds_and_scores_by_them()
    {
        IReasoningTask mixture =
            TaskRegistry.Create(TaskMixture.TaskName, 100, 200, (JsonObject)JsonNode.Parse(Mixture)!);
        IReasoningTask[] parts =
            [TaskRegistry.Create("gcd", 101, 200),
            TaskRegistry.Create("quantum_lock", 102, 200, new JsonObject { ["difficulty"] = 3 })];
        int[] drawn = new int[2];
        for (int i = 0; i < 200; i++)
        {
            TaskItem item = mixture.Generate(i);
            int part = (string?)item.Metadata["source_dataset"] == "gcd" ? 0 : 1;
            drawn[part]++;
            Assert.That(item.Question, Is.EqualTo(parts[part].Generate(i).Question));
            Assert.That(mixture.Score(item.Answer, item), Is.EqualTo(1));
        }

        // 200 draws of probability 1/3: more than six standard deviations (6.7 each) off would be no chance.
        Assert.That(drawn[0], Is.InRange(27, 107));
        Assert.Throws<DataException>(() => mixture.Score("1", TaskRegistry.Create("lcm").Generate(0)));
    }

    [TestCase("gcdd", "{}", "'gcd'")]
    [TestCase("gcd", """{"max_valu": 3}""", "'max_value'")]
    [TestCase("gcd", """{"max_value": 2.5}""", "max_value: an integer was expected, found 2.5")]
    [TestCase("gcd", """{"max_value": 1}""", "max_value must be > min_value")]
    [TestCase("gcd", """{"size": -1}""", "size")]
    [TestCase("chain_sum", """{"allow_negation": "yes"}""", "true or false")]
    [TestCase("chain_sum", """{"min_terms": 3000000000}""", "from -2147483648 to 2147483647")]
    [TestCase("simple_equations", """{"operators_weights": [1, 1, 1]}""", "must sum to 1.0")]
    [TestCase("basic_arithmetic", """{"operators": ["+", "^"]}""", "unsupported operator: ^")]
    [TestCase("basic_arithmetic", """{"whitespace": "singel"}""", "'single'")]
    [TestCase("spell_backward", """{"data_file": "words.csv"}""", "words3to10.txt")]
    [TestCase("spell_backward", """{"min_word_len": 11, "max_word_len": 12}""", "none has 11 to 12")]
    [TestCase("base_conversion", """{"min_base": 7, "max_base": 7}""", "two different bases")]
    [TestCase("shortest_path", """{"min_rows": 1, "min_cols": 1}""", "different cells")]
    [TestCase("composite", "{}", "at least one")]
    [TestCase("composite", """{"datasets": [{"name": "gcd", "weight": 1}, {"name": "gcd", "weight": 1}]}""",
        "listed twice")]
    [TestCase("composite", """{"datasets": [{"name": "gcd", "weight": 0}]}""", "must be positive")]
    [TestCase("composite", """{"datasets": [{"name": "gcd", "wieght": 1}]}""", "name, weight and config")]
    [TestCase("composite", """{"datasets": [{"name": "gcd", "config": {"min": 1}}]}""", "no parameter 'min'")]
    public void Wrong_parameters_are_refused_by_name(string task, string parameters, string mention)
    {
        ConfigException? error =
            Assert.Throws<ConfigException>(() => TaskRegistry.Create(task, (JsonObject)JsonNode.Parse(parameters)!));
        Assert.That(error!.Message, Does.Contain(mention));
    }

    [Test]
    public void Defaults_are_accepted_as_parameters([ValueSource(nameof(TaskNames))] string name)
    {
        JsonObject defaults = TaskRegistry.Defaults(name);
        if (name == TaskMixture.TaskName)
        {
            defaults["datasets"] = JsonNode.Parse(Mixture)!["datasets"]!.DeepClone();
        }

        Assert.That(defaults.Select(d => d.Key), Does.Contain("seed").And.Contain("size"));
        Assert.That(TaskRegistry.Create(name, defaults).Size, Is.EqualTo(500));
    }

    [TestCase("operators=+,-")]
    [TestCase("operators=[\"+\", \"-\"]")]
    [TestCase("operators=('+', '-')")]
    public void Lists_are_read_from_arguments_in_any_of_the_usual_forms(string argument)
    {
        JsonObject parameters =
            TaskRegistry.ParseArguments("basic_arithmetic", [argument, "allow_negation=False", "max_terms=1_0"]);
        Assert.That(parameters.ToJsonString(),
            Is.EqualTo("""{"operators":["\u002B","-"],"allow_negation":false,"max_terms":10}"""));
    }

    /// <summary>Long and deep answers: the scorers must come back, whatever they say.</summary>
    [Test]
    [CancelAfter(60_000)]
    public void Hostile_answers_are_scored_within_bounds([ValueSource(nameof(TaskNames))] string name)
    {
        JsonObject parameters = name == TaskMixture.TaskName ? (JsonObject)JsonNode.Parse(Mixture)! : [];
        IReasoningTask task = TaskRegistry.Create(name, 5, 3, parameters);
        foreach (string answer in HostileAnswers())
        {
            try
            {
                Assert.That(task.Score(answer, task.Generate(0)), Is.InRange(0.0, 1.0));
            }
            catch (TaskScoreException e)
            {
                Assert.That(e.Message, Is.Not.Empty);
            }
        }
    }

    public static IEnumerable<string> TaskNames()
    {
        return TaskRegistry.Names;
    }

    private static IEnumerable<string> HostileAnswers()
    {
        const int Length = 200_000;
        yield return new string('9', Length);
        yield return new string('(', Length);
        yield return new string('-', Length) + "1";
        yield return "0x" + new string('f', Length);
        yield return "1e" + new string('9', Length);
        yield return "0." + new string('0', Length) + "1";
        yield return "9**9**9**9";
        yield return "99999999!!!!";
        yield return "1<<99999999999";
        yield return string.Concat(Enumerable.Repeat("9×", Length / 2));
        yield return string.Concat(Enumerable.Repeat("CBA", Length / 3));
        yield return string.Concat(Enumerable.Repeat("up down ", Length / 8));
        yield return string.Concat(Enumerable.Repeat("<answer>", Length / 8));
        yield return "\\frac{" + new string(' ', Length);
        yield return "\0\ud83d";
    }
}
