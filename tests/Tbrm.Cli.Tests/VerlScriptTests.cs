using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Testing;

namespace Tbrm.Cli.Tests;

/// <summary>
/// Run scripts as verl's users have them, with the keys of verl's example scripts, from the script to a trained model:
/// <c>config --from-verl</c>, then
/// <c>train -c</c>. Paths and sizes alone are other ones.
/// </summary>
public sealed class VerlScriptTests
{
    private static readonly string[] s_sizes =
    [
        "data.train_batch_size=4", "actor.ppo_mini_batch_size=2", "data.max_prompt_length=256",
            "data.max_response_length=16", "trainer.total_training_steps=2", "trainer.threads=1",
        "rollout.max_num_seqs=64", "actor.ppo_max_token_len_per_gpu=1024", "trainer.n_gpus_per_node=1",
        "trainer.nnodes=1",
    ];

    private string _folder = "";

    [OneTimeSetUp]
    public void MakeFiles()
    {
        _folder = CommandLine.TemporaryFolder();
        TinyModel.Write(PathOf("model"), tied: true);
        foreach ((string set, int rows) in new[] { ("gsm8k", 12), ("math", 6) })
        {
            VerlRows.Write(PathOf(set, "train.parquet"), "openai/gsm8k", rows);
            VerlRows.Write(PathOf(set, "test.parquet"), "openai/gsm8k", 3);
        }
    }

    [OneTimeTearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    // Keys with verl's meaning in the resolved configuration; a metric that only this algorithm has.
    [TestCase("grpo", "grpo", 1, "actor/kl_loss",
        "use_kl_loss: true|kl_loss_coef: 0.001|kl_loss_type: low_var_kl|clip_ratio_low: 0.2|n: 5|adv_estimator: "
            + "grpo|use_kl_in_reward: false")]
    [TestCase("ppo", "ppo", 0, "critic/vf_loss",
        "adv_estimator: gae|cliprange_value: 0.5|lr: 1E-05|gamma: 1|lam: 1|n: 1")]
    [TestCase("rloo", "rloo", 1, "actor/reward_kl_penalty",
        "adv_estimator: rloo|use_kl_in_reward: true|kl_penalty: kl|kl_coef: 0.001|use_kl_loss: false")]
    [TestCase("gspo", "gspo", 0, "actor/pg_loss",
        "loss_mode: gspo|clip_ratio_low: 0.0003|clip_ratio_high: 0.0004|clip_ratio_c: 10|n: 16")]
    [TestCase("cispo", "cispo", 0, "actor/kl_loss",
        "loss_mode: cispo|clip_ratio_low: 10|clip_ratio_high: 0.2|use_kl_loss: true")]
    public void A_script_runs(string script, string algorithm, int refused, string metric, string facts)
    {
        string run = Run(script, refused, facts + "|name: " + algorithm);
        JsonNode last = Last(run);
        Assert.That((int)last["step"]!, Is.EqualTo(2));
        Assert.That(last[metric], Is.Not.Null, last.ToJsonString());
        Assert.That((double)last["training/rollout_probs_diff_max"]!, Is.Zero);
        Assert.That((double)last["actor/skipped"]!, Is.Zero);
        Assert.That(last["val-core/openai/gsm8k/acc/mean@1"], Is.Not.Null, last.ToJsonString());
    }

    /// <summary>A model that knows nothing answers all alike: dynamic sampling ends with its own sentence, and without
    /// it the run goes on.</summary>
    [Test]
    public void Dapos_script_runs()
    {
        const string Facts =
            "name: grpo|clip_ratio_high: 0.28|clip_ratio_c: 10|loss_agg_mode: token-mean|metric: "
                + "acc|max_num_gen_batches: 10|penalty_factor: 1|gen_batch_size: 4"
            + "|weight_decay: 0.1|lr_warmup_steps: 10|n: 16|truncation: left";
        string yaml = Translate("dapo", 0, Facts, "data.gen_batch_size=4", "reward.overlong_buffer.len=8");
        Outcome alike = Train(yaml, PathOf("dapo-alike"));
        Assert.That(alike.ExitCode, Is.EqualTo(3), alike.Error);
        Assert.That(alike.Error, Does.Contain("after 10 batches").And.Contain("max_num_gen_batches"));

        Outcome outcome = Train(yaml, PathOf("dapo-run"), "algorithm.filter_groups.metric=seq_final_reward");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        JsonNode last = Last(PathOf("dapo-run"));
        Assert.That((double)last["train/num_gen_batches"]!, Is.GreaterThanOrEqualTo(1));
        Assert.That((double)last["critic/rewards/min"]!, Is.LessThan((double)last["critic/score/min"]!),
            "long responses are punished");
    }

    [Test]
    public void Keys_behind_the_script_and_the_callers_environment_win_as_in_a_shell()
    {
        Dictionary<string, string> environment = new() { ["MODEL"] = "/m", ["TOKENS"] = "999", ["DATA_DIR"] = "/d" };
        Outcome outcome = CommandLine.Run(
            environment, ["config", "--from-verl", Script("grpo"), "rollout.n=3", "algorithm.name=tbrm",
            "algorithm.tbrm.beta=0.5"]);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        string[] lines = [.. outcome.Output.Split('\n').Select(l => l.Trim())];
        Assert.That(lines, Is.SupersetOf(
            new[] { "n: 3", "name: tbrm", "beta: 0.5", "path: \"/m\"", "ppo_max_token_len_per_gpu: 999" }));
        Assert.That(outcome.Output,
            Does.Contain("/d/gsm8k/train.parquet").And.Contain(
            "# value not known without running the script, left at its default: 1\n#   trainer.experiment_name"));
    }

    [Test]
    public void What_does_not_fit_together_is_an_error_below_the_report()
    {
        Outcome outcome = CommandLine.Run("config", "--from-verl", Script("rloo"), "rollout.n=1");
        Assert.That(outcome.ExitCode, Is.EqualTo(2));
        Assert.That(outcome.Error, Does.Contain("rollout.n=1"));
        Assert.That(outcome.Output, Does.StartWith("# exact: ").And.Contain("# refused: 1"));
    }

    private string Run(string script, int refused, string facts)
    {
        string run = PathOf(script + "-run");
        Outcome outcome = Train(Translate(script, refused, facts), run);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        return run;
    }

    private string Translate(string script, int refused, string facts, params string[] keys)
    {
        Dictionary<string, string> environment = new() { ["DATA_DIR"] = _folder, ["MODEL"] = PathOf("model") };
        Outcome outcome = CommandLine.Run(environment, ["config", "--from-verl", Script(script), .. s_sizes, .. keys]);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        string[] lines = [.. outcome.Output.Split('\n').Select(l => l.Trim())];
        Assert.That(lines, Is.SupersetOf(facts.Split('|')));
        Assert.That(lines, Does.Contain($"# refused: {refused}"));
        Assert.That(lines.Where(l => l.StartsWith("# not known", StringComparison.Ordinal)), Is.Empty);
        string yaml = PathOf(script + ".yaml");
        File.WriteAllText(yaml, outcome.Output);
        return yaml;
    }

    private static Outcome Train(string yaml, string run, params string[] keys) =>
        CommandLine.Run(["train", "-c", yaml, "--run-dir", run, "reward.self_test_threshold=0", .. keys]);

    private static JsonNode Last(string run) =>
        JsonNode.Parse(File.ReadLines(Path.Combine(run, "metrics.jsonl")).Last())!;

    private static string Script(string name) =>
        Repository.PathOf("tests", "Tbrm.Cli.Tests", "VerlScripts", name + ".sh");

    private string PathOf(params string[] parts) => Path.Combine([_folder, .. parts]);
}
