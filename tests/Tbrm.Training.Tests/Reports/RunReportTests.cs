using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Training.Config;
using Tbrm.Training.Metrics;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Tests.Reports;

public sealed class RunReportTests
{
    private const string Accuracy = "val-core/chain_sum/acc/mean@1";

    [Test]
    public void A_run_with_evaluations_shows_curves_change_samples_and_configuration()
    {
        using SyntheticRun run = new(new RunConfig { Actor = new() { GradClip = 0.25 } });
        run.AddSteps([(0, [(Accuracy, 0.25)]), .. Enumerable.Range(1, 10).Select(i => ((long)i, Step(i))),
            (11, [.. Step(11), (Accuracy, 0.875)])]);
        run.AddValidation(0, ("1 + 6 =", "five", 0), ("2 + 5 =", "7", 1));
        run.AddValidation(11, ("1 + 6 =", "7", 1), ("2 + 5 =", "7", 1));
        string html = run.Report();
        List<XElement> drawings = HtmlCheck.Sound(html);
        Assert.That(drawings.Select(d => d.Element("title")!.Value),
            Is.SupersetOf(new[] { "Held-out accuracy", "Loss", "Gradient norm", "Time per phase" }));
        Assert.That(html, Does.Contain("25% <span class=\"arrow\">→</span> 87.5%").And.Contain("+62.5 points"));
        Assert.That(html, Does.Match("actor.grad_clip</code></td><td>0.25</td><td class=\"default\">1</td>"));
        Assert.That(html.IndexOf("1 + 6 =", StringComparison.Ordinal),
            Is.LessThan(html.IndexOf("2 + 5 =", StringComparison.Ordinal)).And.Positive, "what improved comes first");
        XElement accuracy = drawings.Single(d => d.Element("title")!.Value == "Held-out accuracy");
        Assert.That(accuracy.Element("desc")!.Value,
            Is.EqualTo("chain_sum/acc/mean@1: from 25% at step 0 to 87.5% at step 11, 2 points"));
        // From 25 % of the height at the left end to 87.5 % at the right end; the plot is 184 high and 376 wide.
        Assert.That(accuracy.Elements("path").Single(p => p.Attribute("class")!.Value == "line s0")
            .Attribute("d")!.Value, Is.EqualTo("M50 148L426 33"));
    }

    [Test]
    public void Tokens_show_what_they_earned_right_and_wrong_side_by_side_and_in_numbers()
    {
        using SyntheticRun run = new();
        run.AddSteps([(1, [("critic/score/mean", 0.5)])]);
        JsonObject Row(double score, string[] tokens, double?[] credit) => new()
        {
            ["step"] = 1,
            ["input"] = "1 + <6>",
            ["gts"] = "7",
            ["score"] = score,
            ["finish"] = "Stop",
            ["group"] = 0,
            ["beta"] = 0.1,
            ["tokens"] = new JsonArray([.. tokens.Select(t => (JsonNode)t)]),
            ["credit"] = new JsonArray([.. credit.Select(c => (JsonNode?)c)]),
            ["v"] = new JsonArray([.. credit.Select((_, h) => (JsonNode)(5.0 - h))]),
        };
        RunFolder.WriteLines(run.Folder.CreditPath(1),
            [Row(1, ["se", "ven</script>"], [0.01, 0.8]), Row(0, ["fi", "ve", "!"], [-0.4, 0.2, null])]);
        File.AppendAllText(run.Folder.CreditPath(1), "{\"step\": 1, \"tokens\": [\"cut\n");
        string html = run.Report();
        List<XElement> drawings = HtmlCheck.Sound(html);
        Assert.That(drawings.Single(d => d.Element("title")!.Value == "V along the text").Element("desc")!.Value,
            Is.EqualTo(
                "score 1: from 5 at token 1 to 4 at token 2, 2 points; score 0: from 5 at token 1 to 3 at token 3, 3 "
                    + "points"));
        Assert.That(html, Does.Contain(
            "<span class=\"credit up4\" title=\"credit 0.8, V 4\">ven&lt;/script&gt;</span>"));
        Assert.That(html, Does.Contain("<span class=\"credit none\" title=\"credit 0.01, V 5\">se</span>").And.Contain(
            "<span class=\"credit down2\""));
        Assert.That(html, Does.Contain("<tr><td>fi</td><td class=\"n\">−0.4</td><td class=\"n\">5</td></tr>"),
            "for those who see no colours");
        Assert.That(html, Does.Contain("broken-token").And.Contain("credits add up to 0.81"));
    }

    /// <summary>Greedy answers jump while samples rise: the reader sees both, and how sure each is.</summary>
    [Test]
    public void Accuracy_says_how_it_was_asked_and_stands_beside_the_samples_of_training()
    {
        using SyntheticRun run = new(ConfigLoader.Load("default", []));
        run.AddSteps([(0, [(Accuracy, 0.2)]),
            .. Enumerable.Range(1, 4)
            .Select(i => ((long)i, new[] { (Accuracy, 0.2 * i), ("critic/score/mean", 0.1 * i) }))]);
        XElement accuracy = HtmlCheck.Sound(run.Report()).Single(d => d.Element("title")!.Value == "Held-out accuracy");
        Assert.That(run.Report(),
            Does.Contain("on problems that training never sees, greedy, 500 problems; bands are one standard error"));
        Assert.That(accuracy.Element("desc")!.Value,
            Does.Contain("training, sampled: from 10% at step 1 to 40% at step 4"));
        Assert.That(accuracy.Elements("path")
            .Count(p => p.Attribute("class")!.Value.StartsWith("band", StringComparison.Ordinal)), Is.EqualTo(2));
        // At 20 % of 500: 0.2 -+ sqrt(0.2 * 0.8 / 500) = 0.2179, 0.1821 of a plot that is 184 high and ends at 194.
        Assert.That(accuracy.Elements("path").First().Parent!.Elements("path")
            .First(p => p.Attribute("class")!.Value == "band s0")
            .Attribute("d")!.Value, Does.StartWith("M50 153.9").And.EndWith("50 160.5Z"));
    }

    /// <summary>Scores below 0 or above 1 are no shares.</summary>
    [Test]
    public void Rewards_that_are_no_shares_stay_out_of_the_accuracies()
    {
        using SyntheticRun run = new(ConfigLoader.Load("default", []));
        run.AddSteps([(1, [(Accuracy, 0.5), ("critic/score/mean", -0.5)]),
            (2, [(Accuracy, 0.5), ("critic/score/mean", 0.5)])]);
        XElement accuracy = HtmlCheck.Sound(run.Report()).Single(d => d.Element("title")!.Value == "Held-out accuracy");
        Assert.That(accuracy.Element("desc")!.Value, Does.Not.Contain("training"));
    }

    [Test]
    public void A_run_that_set_nothing_differs_from_its_preset_in_nothing()
    {
        using SyntheticRun run = new(ConfigLoader.Load("default", ["trainer.run_dir=somewhere"]));
        Assert.That(run.Report(), Does.Contain("No key differs from preset default"));
        using SyntheticRun other = new(ConfigLoader.Load("default", ["trainer.seed=3"]));
        Assert.That(other.Report(), Does.Contain("1 key differs from preset default"));
        using SyntheticRun mixture =
            new(ConfigLoader.Load(
            [], ["data.task=", "data.tasks=[{name: gcd, weight: 2, params: {max_numbers: 3}}, lcm]"]));
        Assert.That(mixture.Report(), Does.Contain("gcd: 2 (max_numbers: 3), lcm: 1"));
    }

    [Test]
    public void The_training_s_own_responses_are_shown_too()
    {
        using SyntheticRun run = new();
        run.AddSteps([(1, Step(1))]);
        run.AddValidation(1, ("1 + 6 =", "7", 1));
        Directory.CreateDirectory(Path.Combine(run.Folder.Root, "rollouts"));
        File.Copy(run.Folder.ValidationPath(1), run.Folder.RolloutPath(1));
        string html = run.Report();
        Assert.That(html, Does.Contain("<h2>Responses to held-out problems</h2>").And.Contain(
            "<h2>Responses in training</h2>"));
    }

    [TestCase("</script><script>alert(1)</script>")]
    [TestCase("<img src=x onerror=alert(1)>")]
    [TestCase("\"'><svg onload=alert(1)>")]
    [TestCase("\0\u0001\u001b[31m\u007f\u0085\ud800 lone \udc00 \uffff \u202e turned \u2066")]
    [TestCase("<!-- ]]> --> &amp; &#0; <pre></td></table>")]
    public void Responses_and_names_may_hold_anything(string text)
    {
        using SyntheticRun run =
            new(new RunConfig
            {
                Trainer = new()
                {
                    ExperimentName = text.Replace("\0", "", StringComparison.Ordinal)
            .Replace("\uffff", "", StringComparison.Ordinal).Replace("\ud800", "", StringComparison.Ordinal)
            .Replace("\udc00", "", StringComparison.Ordinal)
                }
            });
        run.AddSteps([(1, [("val-core/" + text + "/acc/mean@1", 0.5), ("evil/" + text, 1)])]);
        run.AddValidation(1, (text, text + text, 0));
        string html = run.Report();
        _ = HtmlCheck.Sound(html);
        Assert.That(html, Does.Not.Contain("alert(1)</script>").And.Not.Contain("<img").And.Not.Contain(
            "onload=alert(1)>"));
        Assert.That(Regex.Count(html, "<script"), Is.EqualTo(2), "one chart's data and the page's own");
    }

    [Test]
    public void A_run_of_one_step_without_evaluation_is_drawn()
    {
        using SyntheticRun run = new();
        run.AddSteps([(1, Step(1))]);
        string html = run.Report();
        Assert.That(HtmlCheck.Sound(html), Is.Not.Empty);
        Assert.That(html, Does.Not.Contain("Held-out accuracy").And.Not.Contain(
            "<h2>Responses to held-out").And.Not.Contain("<h2>Responses in training"));
        Assert.That(html, Does.Contain("<circle"), "a single point is visible");
    }

    [Test]
    public void A_run_without_steps_or_metrics_has_a_report()
    {
        using SyntheticRun run = new();
        Assert.That(HtmlCheck.Sound(run.Report()), Is.Empty);
        File.Delete(run.Folder.ConfigPath);
        Assert.That(run.Report(), Does.Contain("config.resolved.yaml is not there"));
    }

    [Test]
    public void Values_that_are_no_numbers_break_the_curve_and_are_marked()
    {
        using SyntheticRun run = new();
        double[] losses = [1, double.NaN, 2, double.PositiveInfinity, double.NegativeInfinity, 3, double.MaxValue,
            -double.MaxValue, 0];
        run.AddSteps(losses.Select(
            (v, i) => ((long)i + 1,
            new[] { ("actor/tbrm_loss", v), ("actor/grad_norm", v), ("actor/lr", double.NaN) })));
        List<XElement> drawings = HtmlCheck.Sound(run.Report());
        XElement loss = drawings.Single(d => d.Element("title")!.Value == "Loss");
        Assert.That(loss.Elements("path").Count(p => p.Attribute("class")!.Value == "broken"), Is.EqualTo(3));
        Assert.That(loss.Elements("path").Single(p => p.Attribute("class")!.Value == "line s0")
            .Attribute("d")!.Value.Count(c => c == 'M'), Is.EqualTo(3));
    }

    [Test]
    public void A_hundred_thousand_steps_stay_small_and_keep_their_peaks()
    {
        using SyntheticRun run = new();
        run.AddSteps(Enumerable.Range(1, 100_000).Select(i => ((long)i, new[]
        {
            ("actor/grad_norm", i == 61_803 ? 50 : 1 + Math.Sin(i * 0.01) * 0.5),
                ("actor/tbrm_loss", i == 33_333 ? double.NaN : 5.0 / i), ("timing_s/gen", 0.1),
        })));
        string html = run.Report();
        List<XElement> drawings = HtmlCheck.Sound(html);
        Assert.That(html, Has.Length.LessThan(400_000));
        Assert.That(html, Does.Contain("\"61.8k\"").Or.Contain("61803"), "the step of the peak");
        Assert.That(drawings.Single(d => d.Element("title")!.Value == "Loss").Elements("path")
            .Count(p => p.Attribute("class")!.Value == "broken"), Is.EqualTo(1));
    }

    [Test]
    public void A_history_reads_on_where_it_stopped_and_leaves_a_line_without_end()
    {
        using SyntheticRun run = new();
        run.AddSteps([(1, [("a", 1)]), (2, [("a", 2)])]);
        RunHistory history = new(run.Folder.MetricsPath);
        history.ReadOn();
        File.AppendAllText(run.Folder.MetricsPath,
            "not json\n[1]\n{\"step\":3,\"a\":3,\"text\":\"x\"}\n{\"step\":4,\"a\"");
        history.ReadOn();
        Assert.That(history.Find("a")!.Values, Is.EqualTo(new[] { 1.0, 2, 3 }));
        Assert.That(history.Find("text"), Is.Null);
        File.AppendAllText(run.Folder.MetricsPath, ":\"-Infinity\"}\n");
        history.ReadOn();
        Assert.That(history.Find("a")!.Values[^1], Is.EqualTo(double.NegativeInfinity));
        Assert.That(history.LastStep, Is.EqualTo(4));
    }

    [TestCase(0, "0")]
    [TestCase(0.48666, "0.4867")]
    [TestCase(-2.5e-6, "−2.5e-6")]
    [TestCase(12345, "12.35k")]
    [TestCase(61_803_000, "61.8M")]
    [TestCase(1e300, "1e300")]
    [TestCase(double.NaN, "NaN")]
    [TestCase(double.NegativeInfinity, "−∞")]
    public void Numbers_have_four_digits(double value, string expected) =>
        Assert.That(Training.Reports.HtmlText.Number(value), Is.EqualTo(expected));

    [TestCase(0, 1, new[] { 0, 0.2, 0.4, 0.6, 0.8, 1 })]
    [TestCase(118.2, 125.1, new[] { 118.0, 120, 122, 124, 126 })]
    [TestCase(-3, 4, new[] { -4.0, -2, 0, 2, 4 })]
    [TestCase(5, 5, new[] { 4.6, 4.8, 5, 5.2, 5.4 })]
    public void Axes_have_round_marks(double low, double high, double[] expected) =>
        Assert.That(new Training.Reports.Charts.ChartAxis([low, high]).Marks(4), Is.EqualTo(expected).Within(1e-9));

    private static (string, double)[] Step(int i) =>
    [
        ("actor/tbrm_loss", 10.0 / i), ("actor/grad_norm", 2), ("actor/lr", 1e-5), ("critic/score/mean", 0.1 * i),
            ("critic/rewards/mean", 0.1 * i),
        ("actor/residual/mean", 3), ("actor/residual/std", 1), ("response_length/mean", 20), ("response_length/min", 3),
            ("response_length/max", 48),
        ("timing_s/gen", 0.5), ("timing_s/update_actor", 1.5), ("timing_s/step", 2), ("perf/throughput", 9999),
            ("perf/total_num_tokens", 1000),
    ];
}
