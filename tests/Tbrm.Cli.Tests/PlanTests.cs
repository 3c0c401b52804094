using System;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>What a dry run prints.</summary>
public sealed class PlanTests : FolderTests
{
    [Test]
    public void The_output_of_a_dry_run_is_a_configuration_that_gives_itself_back()
    {
        Outcome first = CommandLine.Run(
            ["train", "--dry-run", "trainer.seed=7", "--run-dir", Path.Combine(Folder, "run")]);
        Assert.That(first.ExitCode, Is.Zero, first.Error);
        string file = Path.Combine(Folder, "saved.yaml");
        File.WriteAllText(file, first.Output);
        Outcome second = CommandLine.Run("plan", "-c", file);
        Assert.That(second.Output, Is.EqualTo(first.Output));
        Assert.That(first.Output,
            Does.Contain("seed: 7").And.Contain("# memory at most, GB").And.Match("#   total .* fits\n"));
        Assert.That(Directory.Exists(Path.Combine(Folder, "run")), Is.False, "a dry run leaves nothing");
    }

    [Test]
    public void The_papers_run_is_planned_without_its_model_and_data()
    {
        Outcome outcome = CommandLine.Run("train", "-c", "paper-1.5b-n4", "--dry-run", "--json");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        JsonObject json = (JsonObject)JsonNode.Parse(outcome.Output)!;
        JsonNode plan = json["plan"]!;
        Assert.That((double)json["config"]!["algorithm"]!["tbrm"]!["beta"]!, Is.EqualTo(0.002));
        Assert.That((long)plan["model"]!["parameters"]!, Is.EqualTo(1_543_714_304));
        Assert.That((long)plan["batch"]!["trajectories"]!, Is.EqualTo(128 * 4));
        Assert.That((long)plan["batch"]!["tokens_per_step"]!, Is.EqualTo(128L * 4 * (1024 + 2048)));
        Assert.That((long)plan["batch"]!["optimizer_steps"]!, Is.EqualTo(760));
        JsonObject parts = (JsonObject)plan["memory"]!["parts"]!;
        // bf16 weights and fp32 state of 1.54 G parameters; norms and biases (fp32 in the weights as well) and rotary
        // tables are the rest.
        Assert.That((long)parts["weights"]!, Is.InRange(2 * 1_543_714_304L, 2 * 1_543_714_304L + 5_000_000));
        Assert.That((long)parts["moments"]!, Is.EqualTo(8 * 1_543_714_304L));
        JsonNode phases = plan["memory"]!["phases"]!;
        Assert.That((long)phases["always"]! + (long)phases["rollout"]! + (long)phases["reference"]!
            + (long)phases["update"]!, Is.EqualTo(parts.Sum(p => (long)p.Value!)));
        Assert.That((long)plan["memory"]!["total"]!, Is.EqualTo((long)phases["always"]!
            + Math.Max((long)phases["rollout"]!, Math.Max((long)phases["reference"]!, (long)phases["update"]!))));
        Assert.That((long)plan["memory"]!["ppo_total"]!, Is.GreaterThan((long)plan["memory"]!["total"]!));
        Assert.That(plan["notes"]!.AsArray().Select(n => (string)n!), Has.Some.Contains("is not here"));
    }

    [Test]
    public void An_adapter_is_planned_with_what_it_saves()
    {
        JsonNode Plan(params string[] more) =>
            JsonNode.Parse(CommandLine.Run(["plan", "--json", "-c", "paper-1.5b-n4", .. more]).Output)!["plan"]!;
        JsonNode whole = Plan(), adapted = Plan("model.lora_rank=16"),
            faster = Plan("model.lora_rank=16", "actor.optim.lr=1e-4");
        Assert.That((long)adapted["memory"]!["parts"]!["reference"]!, Is.Zero);
        Assert.That((long)whole["memory"]!["parts"]!["reference"]!, Is.Positive);
        Assert.That((long)adapted["memory"]!["parts"]!["weights"]!,
            Is.EqualTo((long)whole["memory"]!["parts"]!["weights"]!));
        // 28 layers, rank 16 times (inputs + outputs) of q and o, k and v, gate, up and down of Qwen2.5-1.5B.
        const long layer = 16 * (2 * (1536 + 1536) + 2 * (1536 + 256) + 3 * (1536 + 8960));
        Assert.That((long)adapted["model"]!["trained_parameters"]!, Is.EqualTo(28 * layer));
        Assert.That((long)adapted["memory"]!["total"]!, Is.LessThan((long)whole["memory"]!["total"]! / 2));
        Assert.That(adapted["notes"]!.AsArray().Select(n => (string)n!), Has.Some.Contains("actor.optim.lr=2.5E-06"));
        Assert.That(faster["notes"]!.AsArray().Select(n => (string)n!), Has.None.Contains("optim.lr"));
    }

    [Test]
    public void The_plan_follows_the_algorithm()
    {
        JsonNode Plan(params string[] more) =>
            JsonNode.Parse(CommandLine.Run(["plan", "--json", .. CommandLine.Tiny, .. more]).Output)!["plan"]!;
        string[] Parts(JsonNode plan) => [.. ((JsonObject)plan["memory"]!["parts"]!).Select(p => p.Key)];
        JsonNode ppo = Plan(
            "algorithm.name=ppo", "actor.ppo_mini_batch_size=4", "actor.ppo_epochs=2", "data.train_batch_size=8");
        Assert.That(Parts(ppo), Does.Contain("critic").And.Contain("critic_activations").And.Not.Contain("reference"));
        Assert.That((double?)ppo["memory"]!["ppo_total"], Is.Null, "it is PPO");
        Assert.That((long)ppo["batch"]!["updates_per_step"]!, Is.EqualTo(4));
        Assert.That((long)ppo["batch"]!["optimizer_steps"]!, Is.EqualTo(4 * (long)ppo["batch"]!["steps"]!));
        Assert.That(Parts(Plan("algorithm.name=ppo", "algorithm.use_kl_in_reward=true")), Does.Contain("reference"));
        Assert.That(Parts(Plan("algorithm.name=grpo")), Does.Not.Contain("critic").And.Not.Contain("reference"));
        Assert.That(Parts(Plan("algorithm.name=grpo", "actor.use_kl_loss=true")), Does.Contain("reference"));
        Assert.That(Parts(Plan()), Does.Contain("reference").And.Not.Contain("critic"));
    }

    /// <summary>Any machine plans any other: GPUs that are not here, of an algorithm that no file names.</summary>
    [Test]
    public void A_plan_for_other_devices_says_whether_it_fits_and_what_to_change()
    {
        Outcome Plan(params string[] more) => CommandLine.Run(
            ["plan", "model.path=Qwen2.5-7B", "data.task=chain_sum", "data.train_batch_size=1024",
            "trainer.total_training_steps=10", .. more]);
        JsonNode ppo = JsonNode.Parse(
            Plan("--algorithm", "ppo", "--device-memory", "80GB", "--devices", "4", "--json").Output)!;
        Assert.That((string)ppo["config"]!["algorithm"]!["name"]!, Is.EqualTo("ppo"));
        JsonNode memory = ppo["plan"]!["memory"]!;
        Assert.That(((long)memory["available"]!, (bool)memory["fits"]!), Is.EqualTo((80_000_000_000, false)));
        Assert.That((long)ppo["plan"]!["batch"]!["prompts"]!, Is.EqualTo(256), "a quarter of the step");
        Assert.That((string)ppo["plan"]!["device"]!, Does.Contain("each of 4 devices").And.Contain("80GB"));
        Assert.That(memory["parts"]!["kernels"]!.GetValue<long>(), Is.Zero, "a GPU's threads keep nothing");
        Assert.That(memory["knobs"]!.AsArray().Select(k => (string)k!["setting"]!),
            Does.Contain("critic.model.lora_rank=32").And.Contain("model.lora_rank=32"));
        Assert.That(ppo["plan"]!["notes"]!.AsArray().Select(n => (string)n!),
            Has.Some.Contains("trainer.n_gpus_per_node=4"));
        Assert.That(Plan("--device-memory", "141GB", "--json", "model.lora_rank=32").Output,
            Does.Contain("\"fits\": true"));
        foreach ((string option, string value) in new[] { ("--device-memory", "80"), ("--devices", "0"),
            ("--algorithm", "pppo") })
        {
            Assert.That(Plan(option, value).ExitCode, Is.EqualTo(2), option);
        }
    }

    /// <summary>Ranks share what trainer.zero_stage names: the paper's 7B model on four GPUs of 80 GB.</summary>
    [Test]
    public void A_plan_for_several_devices_counts_what_they_share()
    {
        JsonNode Plan(params string[] more)
        {
            Outcome outcome = CommandLine.Run(["plan", "-c", "paper-7b-n1", "--device-memory", "80GB", "--json",
                .. more]);
            Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
            return JsonNode.Parse(outcome.Output)!["plan"]!["memory"]!;
        }

        long Part(JsonNode memory, string key) => (long?)memory["parts"]![key] ?? 0;
        JsonNode alone = Plan(), two = Plan("--devices", "4", "trainer.zero_stage=2"),
            one = Plan("trainer.n_gpus_per_node=2", "trainer.nnodes=2", "trainer.device=cpu");
        Assert.That(((bool)alone["fits"]!, (bool)two["fits"]!), Is.EqualTo((false, true)));
        foreach (string key in new[] { "master", "gradients", "moments" })
        {
            long quarter = Part(alone, key) / 4;
            Assert.That(Part(two, key), Is.InRange(quarter, quarter + (quarter / 100)), key);
            Assert.That(Part(one, key), key == "gradients" ? Is.EqualTo(4 * quarter).Within(3)
                : Is.InRange(quarter, quarter + (quarter / 100)), key);
        }

        Assert.That(Part(two, "weights"), Is.EqualTo(Part(alone, "weights")), "every rank reads them");
        Assert.That((Part(alone, "gradient_arrays"), Part(one, "gradient_arrays")), Is.EqualTo((0L, 0L)));
        // A layer of 233 M parameters, and the embedding or the head, 152,064 x 3,584.
        Assert.That(Part(two, "gradient_arrays"), Is.InRange(4L * (233_000_000 + 544_997_376),
            4L * (233_100_000 + 545_010_000)));
        Assert.That(one["knobs"]!.AsArray().Select(k => (string)k!["setting"]!), Does.Contain("trainer.zero_stage=2"));
    }

    [Test]
    public void Files_that_bring_the_reference_need_no_reference_model_and_a_buffer_takes_memory()
    {
        string file = Path.Combine(Folder, "known.jsonl"), other = Path.Combine(Folder, "unknown.jsonl");
        const string row = "\"prompt_ids\": [1, 2], \"response_ids\": [3, 4], \"reward\": 1";
        File.WriteAllText(file, "{" + row + ", \"ref_logp\": [-1, -2], \"ref_v1\": 0.5}\n");
        File.WriteAllText(other, "{" + row + "}\n");
        string[] Parts(params string[] more)
        {
            Outcome outcome = CommandLine.Run(["plan", "--json", "model.path=Qwen3-0.6B", "trainer.device=cpu",
                "trainer.total_training_steps=3", "trainer.val_before_train=false", "trainer.test_freq=-1", .. more]);
            Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
            return [.. JsonNode.Parse(outcome.Output)!["plan"]!["memory"]!["parts"]!.AsObject().Select(p => p.Key)];
        }

        Assert.That(Parts($"data.trajectories=[{file}]", "rollout.n=0"),
            Does.Not.Contain("reference").And.Not.Contain("kv_pages"));
        Assert.That(Parts($"data.trajectories=[{other}]", "rollout.n=0"), Does.Contain("reference"));
        Assert.That(Parts("data.task=chain_sum", "replay.capacity=1000", "replay.updates=2"),
            Does.Contain("replay").And.Contain("reference").And.Contain("kv_pages"));
    }

    [Test]
    public void Prompts_of_a_file_make_the_steps_of_an_epoch()
    {
        string file = Path.Combine(Folder, "train.jsonl");
        File.WriteAllLines(file, Enumerable.Range(0, 50).Select(i =>
            $$$"""{"data_source": "d", "prompt": [{"role": "user", "content": "{{{i}}} + 1?"}], "reward_model": {"style": "rule", "ground_truth": "{{{i + 1}}}"}}"""));
        Outcome outcome = CommandLine.Run(
            "plan", "--json", "model.path=Qwen3-0.6B", $"data.train_files=[{file}]", "data.train_batch_size=16",
            "trainer.total_epochs=3");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        JsonNode batch = JsonNode.Parse(outcome.Output)!["plan"]!["batch"]!;
        Assert.That(((long)batch["data_prompts"]!, (long)batch["steps_per_epoch"]!, (long)batch["optimizer_steps"]!),
            Is.EqualTo((50L, 3L, 9L)));
    }

    [Test]
    public void A_supervised_run_has_no_reference_and_pages_only_to_measure_accuracy([Values] bool isAsked)
    {
        Outcome outcome = CommandLine.Run(
            ["sft", "--dry-run", "--json", .. CommandLine.Tiny, $"sft.val_accuracy={(isAsked ? "true" : "false")}"]);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        JsonNode plan = JsonNode.Parse(outcome.Output)!["plan"]!;
        Assert.That((string?)plan["verb"], Is.EqualTo("sft"));
        string[] parts = [.. ((JsonObject)plan["memory"]!["parts"]!).Select(p => p.Key)];
        Assert.That(parts, Has.None.EqualTo("reference"));
        Assert.That(parts.Contains("kv_pages"), Is.EqualTo(isAsked));
        Assert.That((long)plan["batch"]!["trajectories"]!, Is.EqualTo(16));
    }

    /// <summary>Pages and update are planned to be large enough that both at a time would be seen.</summary>
    [Test]
    public void A_run_takes_no_more_than_its_plan_because_the_pages_are_given_back_before_the_update()
    {
        string run = Path.Combine(Folder, "run");
        string[] arguments =
            [.. CommandLine.Tiny, "rollout.n=8", "rollout.max_num_seqs=128", "rollout.kv_cache_mb=40",
            "data.train_batch_size=64", "trainer.total_training_steps=2"];
        JsonNode memory = JsonNode.Parse(CommandLine.Run(["plan", "--json", .. arguments]).Output)!["plan"]!["memory"]!;
        Outcome outcome = CommandLine.Run(["train", "--run-dir", run, .. arguments]);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        double peak = (double)JsonNode.Parse(
            File.ReadLines(Path.Combine(run, "metrics.jsonl")).Last())!["perf/max_memory_allocated_gb"]! * 1e9;
        // The threads' working memory outlives the call that needed it, so the plan may be a little exceeded; both
        // phases at a time would be 40 MB more.
        Assert.That(peak, Is.AtMost(1.1 * (double)memory["total"]!));
        Assert.That(peak, Is.GreaterThan(40e6), "the pages are among what is counted");
    }

    [Test]
    public void An_evaluation_is_planned_by_its_problems()
    {
        Outcome outcome = CommandLine.Run(
            "eval", "--dry-run", "--json", "model.path=Qwen2.5-0.5B", "data.task=gcd", "data.task_val_size=30",
            "rollout.val_kwargs.n=4", "rollout.val_kwargs.do_sample=true", "rollout.val_kwargs.temperature=1");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        JsonNode plan = JsonNode.Parse(outcome.Output)!["plan"]!;
        Assert.That(((string?)plan["verb"], (long)plan["batch"]!["data_prompts"]!, (long)plan["batch"]!["samples"]!),
            Is.EqualTo(("eval", 30L, 4L)));
        Assert.That(((JsonObject)plan["memory"]!["parts"]!).Select(p => p.Key),
            Is.EquivalentTo(new[] { "weights", "kv_pages", "rollout_activations", "rollout_logits", "kernels" }));
    }

    [Test]
    public void A_model_that_is_neither_here_nor_known_is_named()
    {
        Outcome outcome = CommandLine.Run(
            "plan", "model.path=nowhere/my-model", "data.task=chain_sum", "trainer.total_training_steps=1");
        Assert.That(outcome.ExitCode, Is.EqualTo(3));
        Assert.That(outcome.Error, Does.Contain("nowhere/my-model").And.Contain("Qwen2.5-0.5B"));
    }
}
