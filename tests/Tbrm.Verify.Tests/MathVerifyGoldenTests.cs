using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Rewards;
using Tbrm.Verify.Graders;

namespace Tbrm.Verify.Tests;

public sealed class MathVerifyGoldenTests
{
    [Test]
    public void Agrees_with_the_test_cases_of_Math_Verify() =>
        GoldenVectors.AssertAllAgree(new MathVerifyGrader(), "math_verify_upstream.jsonl");

    [Test]
    public void Agrees_with_recorded_grades_of_Math_Verify() =>
        GoldenVectors.AssertAllAgree(new MathVerifyGrader(), "math_verify_oracle.jsonl");

    /// <summary>Pairs at random by a grammar: numbers, percents, money, units, sets, intervals, matrices, equations,
    /// identities, each in several spellings, profiles and options.</summary>
    [Test]
    public void Agrees_on_random_pairs_of_every_kind() =>
        GoldenVectors.AssertAllAgree(new MathVerifyGrader(), "math_verify_grammar.jsonl");

    /// <summary>Answers as models write them, scientific notation against fractions, and numbers that differ by next to
    /// nothing.</summary>
    [Test]
    public void Agrees_on_answers_in_many_notations() =>
        GoldenVectors.AssertAllAgree(new MathVerifyGrader(), "math_verify_notation.jsonl");

    [TestCase("math_verify_upstream.jsonl")]
    [TestCase("math_verify_oracle.jsonl")]
    [TestCase("math_verify_grammar.jsonl")]
    [TestCase("math_verify_notation.jsonl")]
    public void Hardened_accepts_nothing_that_the_reference_refuses(string name)
    {
        List<(GradeRequest Request, double Expected)> cases = GoldenVectors.Read(name);
        RewardManager manager = new(new MathVerifyGrader());
        GradeResult[] grades =
            manager.Grade([.. cases.Select(c => c.Request with { ExtraInfo = Hardened(c.Request.ExtraInfo!) })]);
        string[] gained = [.. cases.Zip(grades).Where(p => p.Second.Score > p.First.Expected)
            .Select(p => p.First.Request.Solution)];
        Assert.That(gained, Is.Empty);
    }

    [Test]
    public void Hardened_keeps_nearly_all_right_answers()
    {
        List<(GradeRequest Request, double Expected)> cases =
            [.. GoldenVectors.Read("math_verify_upstream.jsonl").Where(c => c.Expected == 1)];
        RewardManager manager = new(new MathVerifyGrader());
        GradeResult[] grades =
            manager.Grade([.. cases.Select(c => c.Request with { ExtraInfo = Hardened(c.Request.ExtraInfo!) })]);

        // The upstream cases hold a few of the false accepts that hardening is there to close.
        Assert.That(grades.Count(v => v.Score > 0), Is.AtLeast((int)(0.97 * cases.Count)));
    }

    /// <summary>What hardening takes away from all recorded accepts: known false accepts, and answers whose unit
    /// contradicts the gold's. One more is a loss.</summary>
    [Test]
    public void Hardened_takes_away_what_it_took_away_before_and_no_more()
    {
        RewardManager manager = new(new MathVerifyGrader());
        string[] files = ["math_verify_upstream.jsonl", "math_verify_oracle.jsonl", "math_verify_grammar.jsonl",
            "math_verify_notation.jsonl"];
        GradeRequest[] accepted =
            [.. files.SelectMany(GoldenVectors.Read).Where(c => c.Expected == 1)
            .Select(c => c.Request with { ExtraInfo = Hardened(c.Request.ExtraInfo!) })];
        Assert.That(manager.Grade(accepted).Count(v => v.Score > 0), Is.EqualTo(AcceptedWhenHardened));
    }

    [Test]
    public void Every_ground_truth_that_can_be_read_is_its_own_answer()
    {
        string[] golds = [.. GoldenVectors.Read("math_verify_oracle.jsonl").Select(c => c.Request.GroundTruth.Text)
            .Distinct()];
        GradeResult[] grades = new RewardManager(new MathVerifyGrader())
            .Grade([.. golds.Select(g => new GradeRequest("", $@"\boxed{{{g}}}", g))]);
        string[] wrong = [.. golds.Zip(grades).Where(p => p.Second.Status == GradeStatus.Ok && p.Second.Score != 1)
            .Select(p => p.First)];
        Assert.That(wrong, Is.Empty);
    }

    private const int AcceptedWhenHardened = 4818;

    private static JsonObject Hardened(JsonObject row)
    {
        JsonObject copy = (JsonObject)row.DeepClone();
        copy["hardened"] = true;
        return copy;
    }
}
