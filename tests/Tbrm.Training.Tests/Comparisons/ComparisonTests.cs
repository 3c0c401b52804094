using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Training.Comparisons;
using Tbrm.Training.Config;
using Tbrm.Training.Runs;
using Tbrm.Training.Tests.Reports;

namespace Tbrm.Training.Tests.Comparisons;

/// <summary>What a comparison says of run folders whose numbers are chosen.</summary>
public sealed class ComparisonTests
{
    private readonly List<SyntheticRun> _runs = [];

    [TearDown]
    public void Delete()
    {
        _runs.ForEach(r => r.Dispose());
        _runs.Clear();
    }

    /// <summary>100 tokens and 2 s a step: 400 tokens are four steps, 5 s two. The last evaluation within
    /// counts.</summary>
    [Test]
    public void Budgets_are_read_off_at_the_last_evaluation_within_them()
    {
        ComparedRun run = Run("tbrm", 1, [0.1, 0.5, 0.9], tokens: 100, seconds: 2);
        Assert.That(run.Total, Is.EqualTo(new RunCost(4, 400, 8, 12)));
        Assert.That(run.AccuracyWithin(400, c => c.Tokens), Is.EqualTo(0.9));
        Assert.That(run.AccuracyWithin(399, c => c.Tokens), Is.EqualTo(0.5));
        Assert.That(run.AccuracyWithin(5, c => c.Seconds), Is.EqualTo(0.5));
        Assert.That(run.AccuracyWithin(3, c => c.Seconds), Is.EqualTo(0.1));
        Assert.That(run.AccuracyWithin(1e9, c => c.Tokens), Is.EqualTo(0.9), "a run that ended early keeps its last");
    }

    [Test]
    public void The_first_stage_counts_in_tokens_and_in_seconds()
    {
        ComparedRun run = Run("a_star_po", 1, [0.1, 0.5, 0.9], tokens: 100, seconds: 2, firstStage: (250, 10));
        Assert.That(run.FirstStage, Is.EqualTo(new RunCost(0, 250, 10, 15)));
        Assert.That(run.Total, Is.EqualTo(new RunCost(4, 650, 18, 27)));
        Assert.That(run.AccuracyWithin(400, c => c.Tokens), Is.EqualTo(0.1), "what it had before the first stage");
        Assert.That(run.AccuracyWithin(650, c => c.Tokens), Is.EqualTo(0.9));
    }

    /// <summary>3 s of processors a step: 9 s are three steps, so the evaluation after the second counts.</summary>
    [Test]
    public void Processor_seconds_are_a_budget_too()
    {
        ComparedArm arm = new("tbrm", [Run("tbrm", 1, [0.1, 0.5, 0.9], seconds: 2)]);
        Assert.That(new Comparison([arm], seconds: 9).BySeconds(arm).Accuracy, Is.EqualTo((double[])[0.9]));
        Comparison comparison = new([arm], seconds: 9, clock: CostClock.Processor);
        Assert.That(comparison.BySeconds(arm).Accuracy, Is.EqualTo((double[])[0.5]));
        Assert.That(ComparisonPage.ToHtml(comparison), Does.Contain("9 processor seconds of training steps"));
        ComparedArm old = new("old", [Run("tbrm", 1, [0.1, 0.5, 0.9], isCpuCounted: false)]);
        Assert.That(new Comparison([old]).Seconds, Is.EqualTo(8));
        Assert.That(() => new Comparison([arm, old], clock: CostClock.Processor),
            Throws.TypeOf<DataException>().With.Message.Contains("timing_cpu_s/step"));
    }

    [Test]
    public void Differences_are_of_pairs_and_a_diverged_run_stays_in()
    {
        Comparison comparison = new(
        [
            new("tbrm", [Run("tbrm", 1, [0.1, 0.5, 0.8]), Run("tbrm", 2, [0.1, 0.6, 0.9])]),
            new("grpo", [Run("grpo", 1, [0.1, 0.4, 0.7]), Run("grpo", 2, [0.1, 0.2], ended: "non_finite")]),
        ]);
        Assert.That(comparison.Tokens, Is.EqualTo(400), "the diverged run sets no budget");
        BudgetOutcome outcome = comparison.ByTokens(comparison.Arms[1]);
        Assert.That(outcome.Accuracy, Is.EqualTo(new[] { 0.7, 0.2 }));
        Assert.That(outcome.Difference!.Value.Mean, Is.EqualTo((-0.1 - 0.7) / 2).Within(1e-12));
        Assert.That(outcome.Early, Is.EqualTo(new[] { 2L }));
        Assert.That(comparison.ByTokens(comparison.Arms[0]).Difference, Is.Null, "an arm is not held against itself");
        string html = ComparisonPage.ToHtml(comparison);
        Assert.That(html, Does.Contain("1 diverged and stay in").And.Contain(
            "grpo, seed 2: diverged at step 2; its last accuracy counts"));
    }

    [TestCase(new[] { 0.1, 0.9, 0.2, 0.05 }, 4L)]
    [TestCase(new[] { 0.1, 0.9, double.NaN, double.NaN }, 4L)]
    [TestCase(new[] { 0.1, 0.9, 0.2, 0.8 }, null)]
    [TestCase(new[] { 0.02, 0.08, 0.01 }, null)]
    public void A_run_that_ends_far_below_its_best_has_collapsed_and_stays_in(double[] accuracy, long? step)
    {
        ComparedRun run = Run("grpo", 1, accuracy);
        Assert.That(run.CollapsedAt, Is.EqualTo(step));
        Comparison comparison = new([new("tbrm", [Run("tbrm", 1, [0.1, 0.5])]), new("grpo", [run])]);
        JsonNode? written = ComparisonJson.Of(comparison)["arms"]![1]!["collapsed_at"]![0];
        Assert.That((long?)written, Is.EqualTo(step));
        Assert.That(ComparisonPage.ToHtml(comparison), step is null ? Does.Not.Contain("collapsed")
            : Does.Contain("grpo, seed 1: collapsed at step 4, from 90%").And.Contain("1, 1 collapsed"));
    }

    [Test]
    public void Runs_that_failed_are_named_where_their_numbers_are_missing()
    {
        Comparison comparison = new([new("tbrm", [Run("tbrm", 1, [0.1, 0.5])])])
        {
            Failures = [new("runs/ppo/seed-1", ExitCode.OutOfMemory, "tbrm-native: 3 GiB are missing")],
        };
        Assert.That(ComparisonPage.ToHtml(comparison), Does.Contain("1 failed and are missing").And.Contain(
            "runs/ppo/seed-1 failed with exit code 4: tbrm-native: 3 GiB are missing"));
        JsonNode failure = ComparisonJson.Of(comparison)["failures"]!.AsArray().Single()!;
        Assert.That(((string)failure["run"]!, (int)failure["exit_code"]!), Is.EqualTo(("runs/ppo/seed-1", 4)));
    }

    [TestCase("data.task=gcd", "data.task differs")]
    [TestCase("model.path=/models/other", "model.path differs")]
    [TestCase("data.train_batch_size=7", null)]
    [TestCase("actor.optim.lr=7e-4", null)]
    public void Runs_with_other_problems_or_other_first_weights_are_no_pair(string key, string? reason)
    {
        Comparison comparison =
            new([new("a", [Run("tbrm", 1, [0.1])]), new("b", [Run("tbrm", 1, [0.2], keys: [key])])]);
        Assert.That(comparison.ByTokens(comparison.Arms[1]).Difference is null, Is.EqualTo(reason is not null));
        Assert.That(comparison.Unpaired(comparison.Arms[1]),
            reason is null ? Is.Empty : Is.EqualTo(new[] { $"b, seed 1: {reason}" }));
    }

    [Test]
    public void Folders_that_differ_in_nothing_but_the_seed_are_one_arm()
    {
        ComparedRun a = Run("tbrm", 2, [0.1]), b = Run("tbrm", 1, [0.1]), c = Run("grpo", 1, [0.1]);
        IReadOnlyList<ComparedArm> arms = ComparedArm.Of([a.Folder.Root, b.Folder.Root, c.Folder.Root]);
        Assert.That(arms.Select(m => string.Join(",", m.Runs.Select(r => r.Seed))), Is.EqualTo(new[] { "1,2", "1" }));
        Assert.That(() => ComparedArm.Of([Path.GetTempPath()]), Throws.TypeOf<DataException>());
    }

    [Test]
    public void The_page_has_curves_tables_configurations_trials_and_answers()
    {
        Comparison comparison = new(
        [
            new("tbrm", [Run("tbrm", 1, [0.1, 0.5, 0.8]), Run("tbrm", 2, [0.1, 0.6, 0.9])]),
            new("ppo", [Run("ppo", 1, [0.1, 0.4, 0.6]), Run("ppo", 2, [0.1, 0.2, 0.5])]),
        ])
        {
            Trials = [new("tbrm", "actor.optim.lr=1e-3", [double.NaN], ["non_finite"], false),
                new("tbrm", "actor.optim.lr=1e-4", [0.5], ["finished"], true)],
            Parallel = 2,
        };
        string html = ComparisonPage.ToHtml(comparison);
        List<XElement> drawings = HtmlCheck.Sound(html);
        Assert.That(drawings.Select(d => d.Element("title")!.Value), Is.EqualTo(new[]
        {
            "Held-out accuracy by tokens", "Held-out accuracy by seconds", "Held-out accuracy by steps",
                "Score in training", "Entropy",
            "Value of the first state", "Response length",
        }));
        Assert.That(drawings[0].Element("desc")!.Value,
            Does.Contain("tbrm: from 10% at tokens 0 to 85% at tokens 400, 3 points"));
        Assert.That(drawings[0].Elements("path")
            .Count(p => p.Attribute("class")!.Value.StartsWith("band", StringComparison.Ordinal)), Is.EqualTo(2));
        Assert.That(html, Does.Contain("<td>algorithm.name</td><td class=\"n\">tbrm</td><td class=\"n\">ppo</td>"));
        Assert.That(html, Does.Contain("<td class=\"n\">non_finite</td>").And.Contain("2 runs at the same time"));
        // 0.6 - 0.8 and 0.5 - 0.9: quantiles of the four resampled means -0.4, -0.3, -0.3, -0.2.
        Assert.That(html, Does.Contain("−30.0 [−39.3, −20.8] *"));
        Assert.That(html, Does.Contain("Answers side by side").And.Contain(
            "score 0</span><pre>5 of ppo</pre>").And.Contain("pass@2"));
        JsonObject json = ComparisonJson.Of(comparison);
        Assert.That((double)json["arms"]![1]!["by_tokens"]!["difference"]!["mean"]!, Is.EqualTo(-0.3).Within(1e-12));
        Assert.That((double)json["arms"]![0]!["pass_at_k"]![0]![1]!, Is.EqualTo(0.75));
        Assert.That((double)json["arms"]![0]!["measures"]!["kl"]![1]!, Is.EqualTo(3.5));
        Assert.That(json["tuning"]![0]!["accuracy"]![0], Is.Null);
    }

    [Test]
    public void A_sweep_is_drawn_against_its_values()
    {
        Comparison comparison = new([.. from algorithm in new[] { "tbrm", "grpo" } from lag in new[] { "0", "8", "400" }
            select new ComparedArm($"{algorithm}-lag-{lag}",
                [Run(algorithm, 1, [lag == "0" ? 0.9 : 0.4])]) { Swept = lag, Base = algorithm }])
        {
            Sweep = "rollout.lag",
        };
        XElement figure = HtmlCheck.Sound(ComparisonPage.ToHtml(comparison))[0];
        Assert.That(figure.Element("title")!.Value, Is.EqualTo("Accuracy at the end by rollout.lag"));
        Assert.That(figure.Element("desc")!.Value,
            Does.Contain("grpo: from 90% at rollout.lag 0 to 40% at rollout.lag 400, 3 points"));
        Assert.That(figure.Elements("text").Select(t => t.Value), Does.Contain("8").And.Contain("400"));
    }

    private ComparedRun Run(string algorithm, long seed, double[] accuracy, double tokens = 100, double seconds = 2,
        (double Tokens, double Seconds)? firstStage = null, string ended = "finished", string[]? keys = null,
        bool isCpuCounted = true)
    {
        RunConfig config = ConfigLoader.Load(
            "default", [$"algorithm.name={algorithm}", $"trainer.seed={seed}", .. keys ?? []]);
        SyntheticRun run = new(config);
        _runs.Add(run);
        // An evaluation before the first step and after every second.
        run.AddSteps([(0, [("val-core/d/acc/mean@1", accuracy[0]),
                ("timing_cpu_s/v_star", 1.5 * (firstStage?.Seconds ?? 0))]),
            .. Enumerable.Range(1, 2 * (accuracy.Length - 1)).Select(step => ((long)step,
            (((string, double)[])[("perf/generated_tokens", tokens), ("timing_s/step", seconds),
                .. isCpuCounted ? [("timing_cpu_s/step", 1.5 * seconds)] : Array.Empty<(string, double)>(),
                ("critic/score/mean", 0.1 * step), ("actor/entropy", 1.0 / step),
                ("response_length/mean", 10), .. algorithm == "tbrm" ? [("actor/v_s1/mean", 2.0)]
                    : Array.Empty<(string, double)>(),
                .. step % 2 == 0 ? [("val-core/d/acc/mean@1", accuracy[step / 2])]
                    : Array.Empty<(string, double)>()])))]);
        run.AddValidation(4, ("1 + 6 =", $"5 of {algorithm}", algorithm == "tbrm" ? 1 : 0));
        RunFolder.WriteJson(run.Folder.SummaryPath, new()
        {
            ["finished"] = ended == "finished",
            ["ended"] = ended,
            ["timing_s"] = new JsonObject { ["gen"] = 1.5, ["v_star"] = firstStage?.Seconds ?? 0 },
        });
        RunFolder.WriteJson(Path.Combine(run.Folder.Root, MeasureFiles.PassFile), new()
        {
            ["sources"] = new JsonArray(
                new JsonObject { ["problems"] = 3, ["pass_at_k"] = new JsonObject { ["1"] = 0.5, ["2"] = 1 } },
                new JsonObject { ["problems"] = 3, ["pass_at_k"] = new JsonObject { ["1"] = 0.25, ["2"] = 0.5 } }),
        });
        RunFolder.WriteJson(Path.Combine(run.Folder.Root, MeasureFiles.KlFile),
            new() { ["rows"] = new JsonArray(new JsonObject { ["step"] = 4, ["kl"] = 3.5 }) });
        if (firstStage is { } stage)
        {
            File.WriteAllLines(Path.Combine(run.Folder.Root, "v_star.trajectories.jsonl"),
                [$$"""{"response_tokens": {{stage.Tokens - 50}}}""", """{"response_tokens": 50}""", """{"resp"""]);
        }

        return ComparedRun.Read(run.Folder.Root);
    }
}
