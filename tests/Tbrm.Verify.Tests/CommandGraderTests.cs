using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using System.Threading;
using NUnit.Framework;
using Tbrm.Core.Rewards;
using Tbrm.Testing;
using Tbrm.Verify.Graders;

namespace Tbrm.Verify.Tests;

/// <summary>Grading programs that keep to the protocol, and programs that do not: no answer ever counts for another
/// question.</summary>
public sealed class CommandGraderTests
{
    /// <summary>Reads the question's id and its answer, which is a number.</summary>
    private const string ReadLine =
        """id=$(printf '%s' "$line" | sed 's/^{"id":\([0-9]*\),.*/\1/'); n=$(printf '%s' "$line" | sed 's/.*"solution_str":"\([0-9]*\)[^0-9].*/\1/');""";

    [Test]
    public void A_stray_line_is_an_error_of_its_row_alone()
    {
        using CommandGrader grader =
            Shell(
            $"while read line; do {ReadLine} case \"$line\" in *stray*) echo 'warning: cannot parse';; esac; echo $n; "
                + $"done");
        GradeResult[] grades = Grade(grader, 60, i => i % 7 == 3);
        AssertOwnScores(grades);
        Assert.That(grades.Count(v => v.Status == GradeStatus.Error),
            Is.EqualTo(Enumerable.Range(0, 60).Count(i => i % 7 == 3)));
        Assert.That(grades[3].Detail, Does.Contain("warning: cannot parse"));
    }

    [Test]
    public void Two_lines_for_one_question_shift_nothing()
    {
        using CommandGrader grader =
            Shell(
            $"while read line; do {ReadLine} case \"$line\" in *stray*) printf '%s\\n1\\n' $n;; *) echo $n;; esac; "
                + $"done");
        AssertOwnScores(Grade(grader, 40, i => i % 9 == 4));
    }

    [Test]
    public void A_banner_before_the_first_question_is_named()
    {
        using CommandGrader grader = Shell("echo 'Loading the model ...'; while read line; do echo 1; done");
        GradeResult grade = new RewardManager(grader).Grade(new GradeRequest("", "1", "1"));
        Assert.That(grade.Status, Is.EqualTo(GradeStatus.Error));
        Assert.That(grade.Detail, Does.Contain("Loading the model ..."));
    }

    [Test]
    public void An_id_that_is_given_back_ties_the_answer_to_its_question()
    {
        using CommandGrader right =
            Shell($$"""while read line; do {{ReadLine}} echo "{\"id\": $id, \"score\": $n}"; done""");
        AssertOwnScores(Grade(right, 30, _ => false));

        using CommandGrader late = Shell("""while read line; do echo '{"id": 1, "score": 1}'; done""");
        GradeResult[] grades = Grade(late, 2, _ => false);
        Assert.That(grades.Count(
            v => v.Status == GradeStatus.Error && v.Detail!.Contains("found the id 1", StringComparison.Ordinal)),
            Is.EqualTo(1));

        // Whoever gave one back once has to go on.
        using CommandGrader forgetful = Shell(
            $$"""read line; {{ReadLine}} echo "{\"id\": $id, \"score\": 1}"; while read line; do echo 1; done""");
        grades = Grade(forgetful, 2, _ => false, processes: 1);
        Assert.That(grades.Select(v => v.Status), Is.EqualTo(new[] { GradeStatus.Ok, GradeStatus.Error }));
        Assert.That(grades[1].Detail, Does.Contain("id"));
    }

    [Test]
    public void Several_numbers_come_back_by_name()
    {
        using CommandGrader grader = Shell(
            """while read line; do echo '{"score": 0.5, "acc": 1, "format": true, "extracted": "7", "note": "fine"}'; done""");
        GradeResult grade = grader.Grade(new GradeRequest("", "x", "y"), default);
        Assert.That((grade.Score, grade.Extracted), Is.EqualTo((0.5, "7")));
        Assert.That(grade.Numbers, Is.EquivalentTo(new Dictionary<string, double> { ["acc"] = 1, ["format"] = 1 }));
    }

    [TestCase("""echo '{"error": "no sandbox"}'""", "no sandbox")]
    [TestCase("""echo '{"score": null}'""", "finite")]
    [TestCase("echo NaN", "finite")]
    [TestCase("""echo '{"score": "high"}'""", "finite")]
    [TestCase("""echo '{"points": 1}'""", "score")]
    [TestCase("""echo '{"score": 1, "score": 2}'""", "score")]
    [TestCase("echo '[1]'", "score")]
    [TestCase("""echo '"1"'""", "score")]
    [TestCase("head -c 3000000 /dev/zero | tr '\\0' x", "1048576")]
    public void An_answer_without_a_score_is_an_error_that_says_what_was_written(string answer, string expected)
    {
        using CommandGrader grader =
            Shell($"while read line; do case \"$line\" in *bad*) {answer};; *) echo 1;; esac; done");
        RewardManager manager = new(grader, parallelism: 1);
        GradeResult[] grades = manager.Grade([new("", "good", ""), new("", "bad", ""), new("", "good", "")]);
        Assert.That(grades.Select(v => v.Status),
            Is.EqualTo(new[] { GradeStatus.Ok, GradeStatus.Error, GradeStatus.Ok }));
        Assert.That(grades[1].Detail, Does.Contain(expected));
    }

    [Test]
    public void A_byte_order_mark_and_blank_lines_are_no_answers()
    {
        using CommandGrader grader =
            Shell("printf '\\357\\273\\277'; while read line; do printf '\\r\\n1\\r\\n\\r\\n'; done");
        GradeResult[] grades = new RewardManager(grader, parallelism: 1).Grade([new("", "a", ""), new("", "b", "")]);
        Assert.That(grades.Select(v => (v.Score, v.Status)),
            Is.EqualTo(new[] { (1.0, GradeStatus.Ok), (1.0, GradeStatus.Ok) }));
    }

    [Test]
    public void A_program_that_writes_before_it_reads_blocks_nobody()
    {
        // More than a pipe holds, on both sides.
        using CommandGrader grader =
            Shell("head -c 400000 /dev/zero | tr '\\0' x; echo; while read line; do echo 1; done");
        GradeResult grade = grader.Grade(new GradeRequest("", new string('y', 400_000), ""), default);
        Assert.That(grade.Status, Is.EqualTo(GradeStatus.Error));
    }

    [Test]
    public void A_child_that_left_the_session_ends_with_its_worker()
    {
        if (!OperatingSystem.IsLinux() || !File.Exists("/usr/bin/setsid"))
        {
            return;
        }

        string seconds = $"{Random.Shared.Next(100_000, 999_999)}";
        using (CommandGrader grader = Shell(
            $"while read line; do setsid sleep {seconds} > /dev/null 2>&1 < /dev/null & echo 1; done"))
        {
            Assert.That(grader.Grade(new GradeRequest("", "a", ""), default).Score, Is.EqualTo(1));
            Wait(() => Sleeping(seconds));
        }

        Wait(() => !Sleeping(seconds));
    }

    [Test]
    public void A_limit_of_the_program_is_its_own()
    {
        using CommandGrader grader = Shell("while read line; do sleep 1000; done", timeout: 0.3);
        Assert.That(new RewardManager(grader).Grade(new GradeRequest("", "a", "")).Status,
            Is.EqualTo(GradeStatus.Timeout));
    }

    /// <summary>The Python of the guide: what it reads and writes is the protocol, and where there is a Python it
    /// runs.</summary>
    [Test]
    public void The_python_grader_of_the_guide_keeps_to_the_protocol()
    {
        string script = Block("python");
        Assert.That(script.Split('\n', StringSplitOptions.RemoveEmptyEntries), Has.Length.EqualTo(6));
        Assert.That(script, Does.Contain("row[\"id\"]").And.Contain("solution_str").And.Contain(
            "ground_truth").And.Contain("flush=True"));
        string? python = Environment.GetEnvironmentVariable("PATH")?.Split(Path.PathSeparator)
            .Select(folder => Path.Combine(folder, "python3")).FirstOrDefault(File.Exists);
        if (python is null)
        {
            return;
        }

        using CommandGrader grader =
            new(new JsonObject { ["command"] = new JsonArray(python, "-c", script), ["processes"] = 1 });
        GradeResult[] grades = new RewardManager(grader)
            .Grade([new("", "so it is 42", "42"), new("", "so it is 41", "42")]);
        Assert.That(grades.Select(v => (v.Score, v.Status)),
            Is.EqualTo(new[] { (1.0, GradeStatus.Ok), (0.0, GradeStatus.Ok) }));
        Assert.That(grades[0].Numbers,
            Is.EquivalentTo(new Dictionary<string, double> { ["acc"] = 1, ["format"] = 1 }));
    }

    /// <summary>The C# of the guide is the class that is compiled into this assembly.</summary>
    [Test]
    public void The_csharp_grader_of_the_guide_is_the_one_that_runs_here()
    {
        string source = File.ReadAllText(Repository.PathOf("tests", "Tbrm.Verify.Tests", "LastWordGrader.cs"))
            .ReplaceLineEndings("\n");
        string guide = Block("csharp");
        Assert.That(guide.Split('\n', StringSplitOptions.RemoveEmptyEntries), Has.Length.LessThanOrEqualTo(10));
        Assert.That(source, Does.Contain(guide));

        JsonObject options = new() { ["path"] = typeof(LastWordGrader).Assembly.Location, ["type"] = "LastWordGrader" };
        IGrader grader = new GraderRegistry().Create("assembly", options);
        Assert.That(grader.Grade(new GradeRequest("", "so it is 42", "42"), default).Score, Is.EqualTo(1));
        Assert.That(grader.Grade(new GradeRequest("", "so it is 41", "42"), default).Score, Is.EqualTo(0));
    }

    /// <summary>The guide's first block of a language.</summary>
    private static string Block(string language)
    {
        string guide = File.ReadAllText(Repository.PathOf("docs", "guide", "graders.md")).ReplaceLineEndings("\n");
        string begin = $"```{language}\n";
        int start = guide.IndexOf(begin, StringComparison.Ordinal) + begin.Length;
        Assert.That(start, Is.GreaterThan(begin.Length), $"the guide has a block of {language}");
        return guide[start..guide.IndexOf("```", start, StringComparison.Ordinal)];
    }

    private static GradeResult[] Grade(CommandGrader grader, int count, Func<int, bool> isStray, int processes = 2) =>
        new RewardManager(grader, parallelism: processes)
        .Grade([.. Enumerable.Range(0, count)
            .Select(i => new GradeRequest("", $"{i} {(isStray(i) ? "stray" : "plain")}", ""))]);

    private static void AssertOwnScores(GradeResult[] grades)
    {
        for (int i = 0; i < grades.Length; i++)
        {
            Assert.That(grades[i].Status == GradeStatus.Error || grades[i].Score == i, $"row {i}: {grades[i]}");
        }

        Assert.That(grades.Count(v => v.Status == GradeStatus.Ok), Is.GreaterThan(grades.Length / 2));
    }

    private static bool Sleeping(string seconds) => Process.GetProcessesByName("sleep").Any(process =>
    {
        try
        {
            return File.ReadAllText($"/proc/{process.Id}/cmdline").Contains(seconds, StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    });

    private static void Wait(Func<bool> condition)
    {
        for (int i = 0; i < 3000 && !condition(); i++)
        {
            Thread.Sleep(10);
        }

        Assert.That(condition(), Is.True);
    }

    private static CommandGrader Shell(string script, double? timeout = null)
    {
        Assume.That(File.Exists("/bin/sh"), "the test's programs are shell scripts");
        JsonObject options = new() { ["command"] = new JsonArray("/bin/sh", "-c", script), ["processes"] = 2 };
        if (timeout is not null)
        {
            options["timeout"] = timeout;
        }

        return new CommandGrader(options);
    }
}
