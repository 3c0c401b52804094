using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Training.Plans;
using Tbrm.Training.Profiles;
using Tbrm.Training.Reports.Pages;

namespace Tbrm.Training.Tests.Profiles;

/// <summary>Tables, pages and JSON of a profile from fixed numbers, and a worker's answers.</summary>
public sealed class ProfileTests
{
    private static readonly string[] s_tiny =
    [
        "trainer.threads=2", "data.max_prompt_length=8", "rollout.max_num_batched_tokens=16",
    ];

    [Test]
    public void Peaks_and_savings_are_those_of_the_records()
    {
        MemoryProfile profile = Fixed();
        ProfileTable table = ProfileTable.Peaks(profile.All);
        Assert.That(table.Rows[0], Is.EqualTo(new[] { "TBRM", "30.00", "33.00", "10.0 %", "32.00", "26.00", "gen", "",
            "" }));
        Assert.That(table.Rows[1], Is.EqualTo(new[]
        {
            "PPO, equal critic", "60.00", "57.00", "-5.0 %", "61.00", "56.00", "gen", "50.0 %", "53.6 %",
        }));
        Assert.That(table.Rows[2].Take(3), Is.EqualTo(new[] { "PPO, value head on the policy (planned only)", "",
            "40.00" }));
        Assert.That(table.Rows[2][7], Is.EqualTo("25.0 %"), "against what is planned: 30 of 40");
    }

    [Test]
    public void A_phase_stands_with_what_is_measured_and_what_is_planned()
    {
        ProfileTable table = ProfileTable.Phases(Fixed().All[0]);
        Assert.That(table.Columns, Is.EqualTo(new[] { "", "gen", "update_actor" }));
        Assert.That(table.Rows.Select(r => string.Join('|', r)), Is.EqualTo(new[]
        {
            "weights|20.00 (20.00)|20.00", "kv_pages|10.00 (13.00)|", "activations||6.00",
            "in all|30.00 (33.00)|26.00", "system|32.00|27.00",
        }));
    }

    [Test]
    public void Json_gives_back_what_a_child_said_and_names_what_is_planned_only()
    {
        JsonObject json = Fixed().ToJson();
        JsonArray opponents = json["sizes"]![0]!["opponents"]!.AsArray();
        Assert.That(opponents.Select(o => (string)o!["source"]!), Is.EqualTo(new[] { "measured", "measured",
            "predicted" }));
        Assert.That((double)opponents[1]!["tbrm_saves"]!, Is.EqualTo(0.5));
        Assert.That((double)opponents[0]!["predicted"]!["error"]!, Is.EqualTo(0.1).Within(1e-12));
        Assert.That((long)opponents[0]!["predicted"]!["phases"]!["gen"]!["kv_pages"]!, Is.EqualTo(13_000_000));
        StepRecord read = StepRecord.FromJson(JsonNode.Parse(opponents[0]!["step"]!.ToJsonString())!);
        Assert.That((read.Peak, read.PeakWithoutKv, read.Outside, read.Seconds), Is.EqualTo((30_000_000L, 26_000_000L,
            32_000_000L, 2.0)));
        Assert.That(read.Times, Is.EquivalentTo(new Dictionary<string, double> { ["gen"] = 1, ["update_actor"] = 1 }));
    }

    [Test]
    public void A_page_shows_a_timeline_of_what_was_measured_and_every_table()
    {
        string html = ProfilePage.ToHtml(Fixed());
        Assert.That(html, Does.StartWith("<!doctype html>").And.Contain("Memory of a step: small")
            .And.Contain("PPO, value head on the policy (planned only)").And.Contain("What TBRM saves, by plan"));
        Assert.That(html.Split("<figure").Length - 1, Is.EqualTo(2), "a timeline for each that was measured");
        Assert.That(html, Does.Contain("kv_pages <b>10 MB</b>").And.Not.Contain("http://").And.Not.Contain("src="));
    }

    [Test]
    public void A_ratio_is_that_of_paired_rounds()
    {
        Ratio same = Ratio.Of([1, 2, 4], [2, 4, 8]);
        Assert.That(new[] { same.Mean, same.Low, same.High }, Is.All.EqualTo(0.5).Within(1e-12),
            "the drift is in both");
        Ratio spread = Ratio.Of([1, 1], [1, 4]);
        Assert.That(spread.Mean, Is.EqualTo(0.5).Within(1e-12));
        Assert.That((spread.Low, spread.High), Is.EqualTo((0.25, 1.0)));
    }

    [Test]
    public void Operations_are_two_for_each_parameter_and_token_and_three_times_that_in_an_update()
    {
        ProfileShape shape = ProfileShape.Find("qwen2.5-0.5b", "");
        IReadOnlyDictionary<string, PhaseCost> tbrm = StepCost.Of(Setting("tbrm", shape, 448, 4));
        double parameters = 494_032_768, tokens = 4 * 512, response = 4 * 448, head = 151936.0 * 896;
        double attention = 4 * 4.0 * 24 * 14 * 64 * 512 * 512 / 2;
        Assert.That(tbrm.Keys, Is.EqualTo(new[] { "gen", "ref", "update_actor" }));
        Assert.That(tbrm["ref"].Flops,
            Is.EqualTo(2 * (parameters - head) * tokens + 2 * head * response + attention).Within(1e-9).Percent);
        Assert.That(tbrm["update_actor"].Flops, Is.EqualTo(3 * tbrm["ref"].Flops).Within(1e-9).Percent);
        IReadOnlyDictionary<string, PhaseCost> ppo = StepCost.Of(Setting("ppo", shape, 448, 4));
        Assert.That(ppo.Keys, Is.EqualTo(new[] { "gen", "values", "update_critic", "update_actor" }));
        Assert.That(StepCost.Of(Setting("grpo-n4", shape, 448, 4))["update_actor"].Flops,
            Is.EqualTo(4 * ppo["update_actor"].Flops).Within(1e-9).Percent);
    }

    [Test]
    public void What_is_planned_for_an_opponent_lacks_what_it_does_not_hold()
    {
        ProfileShape shape = ProfileShape.Find("qwen2.5-0.5b", "");
        Forecast Of(string name, bool isCuda = true) => Forecast.Of(Setting(name, shape, 512, 8), isCuda, 2, 0);
        Assert.That(Of("ppo").Phases.Keys, Is.EquivalentTo(new[] { "gen", "update_critic", "update_actor" }));
        Assert.That(Of("tbrm-ref-file").Phases.Keys, Is.EquivalentTo(new[] { "update_actor" }));
        Assert.That(Of("tbrm-ref-file").Phases["update_actor"].Keys, Has.No.Member("reference"));
        Assert.That(Of("ppo-offload").Phases["update_actor"].Keys, Has.No.Member("critic_state"));
        Assert.That(Of("ppo-offload").Peak, Is.LessThan(Of("ppo").Peak));
        Assert.That(Of("ppo-offload", isCuda: false).Peak, Is.EqualTo(Of("ppo", isCuda: false).Peak),
            "there is nowhere to");
        Assert.That(Of("ppo-shared").Peak, Is.LessThan(Of("ppo-lora").Peak).And.LessThan(Of("tbrm").Peak),
            "without a reference and without a body of its own PPO takes less than TBRM");
        Assert.That(Of("ppo-kl").Peak, Is.GreaterThan(Of("ppo").Peak));
    }

    [Test]
    public void What_does_not_exist_is_refused_by_name()
    {
        Assert.That(() => Opponent.Parse(["pppo"]), Throws.TypeOf<ConfigException>().With.Message.Contains("'ppo'"));
        Assert.That(() => Opponent.Parse(["grpo-n0"]), Throws.TypeOf<ConfigException>());
        Assert.That(Opponent.Parse(["ppo,rloo-n8", "ppo"]).Select(o => (o.Name, o.Samples)),
            Is.EqualTo(new[] { ("tbrm", 1), ("ppo", 1), ("rloo-n8", 8) }));
        Assert.That(() => ProfileShape.Find("qwen2.5-0.6b", ""),
            Throws.TypeOf<ConfigException>().With.Message.Contains("Qwen2.5-0.5B"));
        Assert.That(() => ProfileShape.Find("small", "folder"), Throws.TypeOf<ConfigException>());
        Assert.That(() => Setting("tbrm", ProfileShape.Find(null, ""), 8, 2, "rollout.n=4"),
            Throws.TypeOf<ConfigException>().With.Message.Contains("-nN"));
    }

    /// <summary>A child's side, in this process: what it answers is within what is planned.</summary>
    [TestCase("tbrm-lora")]
    [TestCase("tbrm-ref-file")]
    public void A_worker_measures_what_is_planned(string opponent)
    {
        ProfileSetting setting = Setting(opponent, new("tiny", ProfileShape.Find(null, "").Json
            .Replace("8192", "300", System.StringComparison.Ordinal)), 56, 4);
        using StringReader input = new(setting.ToJson().ToJsonString() + "\nstep\nstep\n");
        using StringWriter output = new();
        ProfileWorker.Serve(input, output);
        string[] lines = output.ToString().Split('\n', System.StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines, Has.Length.EqualTo(3), "ready, and two steps");
        StepRecord step = StepRecord.FromJson(JsonNode.Parse(lines[^1])!);
        Forecast plan = Forecast.Of(setting, isCuda: false, threads: 2, available: 0);
        Assert.That(step.Peak, Is.EqualTo(plan.Peak).Within(5).Percent);
        Assert.That(step.Phases.Select(p => p.Name).Where(n => n is "gen" or "ref" or "update_actor"),
            Is.EqualTo(opponent == "tbrm-lora" ? new[] { "gen", "ref", "update_actor" } : ["update_actor"]));
        Assert.That(step.Phases.Single(p => p.Name == "update_actor").Peak.ContainsKey("reference"), Is.False);
    }

    private static ProfileSetting Setting(string opponent, ProfileShape shape, int length, int batch,
        params string[] keys) =>
        ProfileSetting.Of(Opponent.Parse([opponent])[^1], shape, length, batch, [],
            [.. length > 100 ? ["trainer.threads=2"] : s_tiny, .. keys]);

    private static MemoryProfile Fixed()
    {
        Opponent[] opponents = [.. Opponent.Parse(["ppo", "ppo-shared"])];
        Measurement tbrm = new(opponents[0], 8, 2, Plan(20, 13), Step(20, 10, 6));
        Measurement ppo = new(opponents[1], 8, 2, Plan(50, 7), Step(50, 10, 6) with { OutsideBefore = 1_000_000 });
        Measurement shared = new(opponents[2], 8, 2, Plan(30, 10), null);
        return new("small", "fixed numbers", [tbrm, ppo, shared], [new("Qwen2.5-7B", 512, 32, opponents[1], 3, 4)]);
    }

    private static Forecast Plan(long weights, long pages) => Forecast.Of(
    [
        new MemoryPart("weights", "", weights * 1_000_000, ""),
        new MemoryPart("kv_pages", "", pages * 1_000_000, "", MemoryPhase.Rollout),
    ]);

    private static StepRecord Step(long weights, long pages, long activations)
    {
        Dictionary<string, long> rest = new() { ["weights"] = weights * 1_000_000 };
        Dictionary<string, long> gen = new(rest) { ["kv_pages"] = pages * 1_000_000 };
        Dictionary<string, long> update = new(rest) { ["activations"] = activations * 1_000_000 };
        return new(
        [
            new("gen", 0, 1, rest, gen, rest, (weights + pages + 2) * 1_000_000),
            new("update_actor", 1, 1, rest, update, rest, (weights + activations + 1) * 1_000_000),
        ], 2, 0);
    }
}
