using System;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using System.Threading;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Testing;
using Tbrm.Verify.Graders;

namespace Tbrm.Verify.Tests;

public sealed class ComposedGraderTests
{
    [TestCase(1000, 1.0)]
    [TestCase(2560, 1.0)]
    [TestCase(2816, 0.5)]
    [TestCase(3072, 0.0)]
    [TestCase(3328, -0.5)]
    public void Overlong_falls_linearly_over_the_buffer(int length, double expected) =>
        Assert.That(Shape("""[{"term":"overlong","max_resp_len":3072,"len":512}]""", "#### 5", length),
            Is.EqualTo(expected));

    [TestCase("#### 5", 0, 2.0)]
    [TestCase("#### 5", 1000, 1.5)]
    [TestCase("#### 6", 0, -1.0)]
    [TestCase("#### 6", 1000, -0.5)]
    public void Length_rewards_short_right_and_long_wrong_answers(string solution, int length, double expected) =>
        Compare.Close(Shape("""[{"term":"length"}]""", solution, length), expected, 1e-15, "score");

    [TestCase("<think>a\nb</think>\n<answer>#### 5</answer>", 1.25)]
    [TestCase("<answer>#### 5</answer>", 1.0)]
    public void Format_pays_for_the_pattern(string solution, double expected) =>
        Assert.That(Shape("""[{"term":"format","weight":0.25}]""", solution, 1), Is.EqualTo(expected));

    [Test]
    public void Repetition_charges_the_share_of_repeated_ngrams()
    {
        // "a b a b #### 5": 2-grams ab, ba, ab, b####, ####5: one of five repeats.
        Compare.Close(Shape("""[{"term":"repetition","ngram_size":2,"max_penalty":-1}]""", "a b A b #### 5", 1), 0.8,
            1e-15, "score");
    }

    [Test]
    public void A_term_that_lacks_its_input_has_the_status_error()
    {
        IGrader grader = new GraderRegistry().Create("gsm8k", Options("""{"shaping":[{"term":"length"}]}"""));
        GradeResult grade = new RewardManager(grader).Grade(new GradeRequest("", "#### 5", "5"));
        Assert.That(grade.Status, Is.EqualTo(GradeStatus.Error));
        Assert.That(grade.Detail, Does.Contain("response_length"));
    }

    [Test]
    public void A_data_source_chooses_its_grader()
    {
        DataSourceGrader grader =
            new(new GraderRegistry(), Options("""{"map":{"mine":"math_verify","openai/*":"math_boxed"}}"""));
        Assert.That(grader.GraderFor("openai/gsm8k"), Is.EqualTo("math_boxed"),
            "what the user maps wins over the default, a prefix too");
        Assert.That(grader.GraderFor("openai/other"), Is.EqualTo("math_boxed"));
        Assert.That(grader.GraderFor("aime24"), Is.EqualTo("math_dapo"));
        Assert.That(grader.GraderFor("mine"), Is.EqualTo("math_verify"));
        Assert.That(() => grader.GraderFor("unheard"),
            Throws.TypeOf<ConfigException>().With.Message.Contains("unheard"));
        Assert.That(grader.Grade(new GradeRequest("unheard", "", ""), default).Status, Is.EqualTo(GradeStatus.Error));
    }

    [Test]
    public void An_assembly_brings_its_own_grader()
    {
        JsonObject options =
            new()
            {
                ["path"] = typeof(CountingGrader).Assembly.Location,
                ["type"] = typeof(CountingGrader).FullName,
                ["bonus"] = 2.5
            };
        IGrader grader = new GraderRegistry().Create("assembly", options);
        Assert.That(grader.Grade(new GradeRequest("", "abc", ""), default).Score, Is.EqualTo(5.5));
        Assert.That(() => new GraderRegistry().Create("assembly", new JsonObject { ["path"] = "nowhere.dll" }),
            Throws.TypeOf<ConfigException>());
    }

    [Test]
    public void A_command_answers_line_by_line()
    {
        using CommandGrader grader =
            Shell(
            "while read line; do case \"$line\" in *five*) echo '{\"score\": 0.5, \"extracted\": \"5\"}';; *) echo "
                + "0.25;; esac; done");
        GradeResult[] grades = new RewardManager(grader)
            .Grade([.. Enumerable.Range(0, 40).Select(i => new GradeRequest("s", i % 2 == 0 ? "five" : "six", "g"))]);
        Assert.That(grades.Select(v => v.Score),
            Is.EqualTo(Enumerable.Range(0, 40).Select(i => i % 2 == 0 ? 0.5 : 0.25)));
        Assert.That(grades[0].Extracted, Is.EqualTo("5"));
    }

    [Test]
    public void A_command_that_crashes_is_started_again()
    {
        using CommandGrader once = Shell("read line; echo 1");
        RewardManager manager = new(once, parallelism: 1);
        Assert.That(manager.Grade([new("", "a", ""), new("", "b", ""), new("", "c", "")]).Select(v => v.Score),
            Is.EqualTo(new double[] { 1, 1, 1 }));

        using CommandGrader never = Shell("exit 3");
        Assert.That(new RewardManager(never).Grade(new GradeRequest("", "a", "")).Status,
            Is.EqualTo(GradeStatus.Error));

        using CommandGrader nonsense = Shell("while read line; do echo what; done");
        Assert.That(new RewardManager(nonsense).Grade(new GradeRequest("", "a", "")).Detail, Does.Contain("what"));
    }

    [Test]
    public void A_command_that_hangs_is_killed_at_the_limit()
    {
        using CommandGrader grader =
            Shell("while read line; do case \"$line\" in *hang*) sleep 1000;; *) echo 1;; esac; done");
        RewardManager manager = new(grader, TimeSpan.FromMilliseconds(500), parallelism: 1);
        GradeResult[] grades = manager.Grade([new("", "hang", ""), new("", "a", "")]);
        Assert.That(grades[0].Status, Is.EqualTo(GradeStatus.Timeout));
        Assert.That(grades[1].Score, Is.EqualTo(1));
    }

    private static CommandGrader Shell(string script)
    {
        Assume.That(File.Exists("/bin/sh"), "the test's programs are shell scripts");
        return new CommandGrader(
            new JsonObject { ["command"] = new JsonArray("/bin/sh", "-c", script), ["processes"] = 2 });
    }

    private static JsonObject Options(string json) => JsonNode.Parse(json)!.AsObject();

    private static double Shape(string terms, string solution, int length)
    {
        IGrader grader = new GraderRegistry().Create("gsm8k", new JsonObject { ["shaping"] = JsonNode.Parse(terms) });
        return grader.Grade(new GradeRequest("", solution, "5", new JsonObject { ["response_length"] = length }),
            default).Score;
    }
}

/// <summary>A grader as a user would write it: the score is the length of the response plus a bonus.</summary>
public sealed class CountingGrader(JsonObject? options) : IGrader
{
    public string Name => "counting";

    public GradeResult Grade(GradeRequest request, CancellationToken stop) =>
        new(request.Solution.Length + (double)(options?["bonus"] ?? 0), GradeStatus.Ok);
}
