using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Rollouts;
using Tbrm.Engine;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Engine.Optimizer;
using Tbrm.Engine.Rollout;
using Tbrm.Training.Plans;

namespace Tbrm.Training.Tests.Plans;

/// <summary>Every part of a memory plan against the native engine's own counter, while the engine does what the plan
/// describes.</summary>
public sealed class MemoryPlanTests
{
    private const int Threads = 2, Prompt = 64, Response = 192, Prompts = 8, Samples = 2;

    [Test]
    public void Each_part_is_what_the_engine_allocates([Values] bool bf16, [Values] bool recompute, [Values] bool tied)
    {
        ModelArchitecture architecture = Architecture(tied);
        RunConfig config = Config(bf16, recompute);
        BatchPlan batch = BatchPlan.Train(config, dataPrompts: null);
        using EngineDevice device = EngineDevice.Open("cpu", Threads);
        MemoryPlan plan = MemoryPlan.Train(Model(architecture, config), config, batch, device.Memory().DeviceTotal);
        Meter meter = new(device, plan);

        using Policy policy = Policy.CreateRandom(device, architecture, Options(bf16, recompute), seed: 1, std: 0.02f);
        meter.Exactly("weights", "master", "gradients");
        using AdamW optimizer = new(policy, config.Actor.Optim);
        meter.Exactly("moments");
        using Policy reference = policy.CloneFrozen();
        meter.Exactly("reference");

        using RolloutEngine rollout = new(policy, config.Rollout, config.Rollout.KvCacheMb * 1_000_000L);
        RolloutRequest[] requests =
            [.. Enumerable.Range(0, Prompts).Select(i => new RolloutRequest(Ids(i, Prompt), [2 * i, 2 * i + 1], i))];
        IReadOnlyList<Trajectory> drawn = rollout.Generate(requests, new() { MaxNewTokens = Response }, null, default);
        // Kernels keep their working memory from the first use on, the larger part of it from the update on.
        meter.Within(0.8, "kv_pages", "rollout_activations", "rollout_logits", "kernels");
        rollout.ReleasePages();
        meter.Released("kv_pages", "rollout_activations");

        ScoredSequence[] sequences =
            [.. drawn.Select(t => new ScoredSequence(t.PromptIds, t.ResponseIds, Bootstrap: true))];
        PackedBatch packed = new(sequences[..(int)batch.MicroBatchSequences]);
        Scores scores = reference.LogProb(packed, 1);
        meter.Within(0.95, "reference_pass");

        // The second micro-batch finds the backward scratch of the first, which goes with the optimizer's step only.
        _ = policy.ResidualGradient(packed, 1, Fused(packed, scores));
        _ = policy.ResidualGradient(packed, 1, Fused(packed, scores));
        meter.Within(0.9, "activations", "head", "kernels");
        Assert.That(device.Memory().Peak, Is.AtMost(plan.Total), "the plan is an upper bound of the whole");
    }

    /// <summary>The same of a run that trains an adapter: the frozen weights have no training state, and the reference
    /// takes nothing.</summary>
    [Test]
    public void Each_part_of_an_adapted_run_is_what_the_engine_allocates([Values] bool bf16, [Values] bool recompute,
        [Values(3, 16)] int rank)
    {
        ModelArchitecture architecture = Architecture(tied: true);
        RunConfig config = Config(bf16, recompute);
        config = config with
        {
            Model = config.Model with
            {
                LoraRank = rank,
                TargetModules = rank == 3 ? ["q_proj", "v_proj", "down_proj"] : ["all-linear"]
            }
        };
        AdapterOptions adapter = AdapterOptions.Of(config.Model)!;
        BatchPlan batch = BatchPlan.Train(config, dataPrompts: null);
        using EngineDevice device = EngineDevice.Open("cpu", Threads);
        MemoryPlan plan = MemoryPlan.Train(
            Model(architecture, config) with { Adapter = adapter }, config, batch, device.Memory().DeviceTotal);
        Meter meter = new(device, plan);

        using Policy policy =
            Policy.CreateRandom(device, architecture, Options(bf16, recompute) with { Trainable = false }, seed: 1,
            std: 0.02f);
        meter.Exactly("weights");
        policy.AttachAdapter(adapter, trainable: true, seed: 2);
        Assert.That(policy.Tensors().Where(t => t.IsAdapter).Sum(t => t.Elements),
            Is.EqualTo(adapter.ParameterCount(architecture)));
        meter.Exactly("adapter", "master", "gradients");
        using AdamW optimizer = new(policy, config.Actor.Optim);
        meter.Exactly("moments");
        using ReferencePolicy reference = ReferencePolicy.Of(policy);
        meter.Exactly("reference");
        Assert.That(plan.Parts.Single(p => p.Key == "reference").Bytes, Is.Zero);

        PackedBatch packed =
            new([.. Enumerable.Range(0, (int)batch.MicroBatchSequences)
            .Select(i => new ScoredSequence(Ids(i, Prompt), Ids(i + 50, Response), Bootstrap: true))]);
        Scores scores = reference.LogProb(packed, 1);
        // The larger part of the kernels' working memory is the update's.
        meter.Within(0.8, "reference_pass", "kernels");
        _ = policy.ResidualGradient(packed, 1, Fused(packed, scores));
        _ = policy.ResidualGradient(packed, 1, Fused(packed, scores));
        meter.Within(0.9, "activations", "head", "kernels");
        Assert.That(device.Memory().Peak, Is.AtMost(plan.Total), "the plan is an upper bound of the whole");
    }

    /// <summary>A critic is trained whole, also beside an adapted policy, unless it has an adapter of its
    /// own.</summary>
    [Test]
    public void The_critics_parts_are_what_the_engine_allocates([Values] bool recompute, [Values] bool isAdapted,
        [Values(0, 4)] int criticRank)
    {
        ModelArchitecture architecture = Architecture(tied: true);
        RunConfig config = Config(bf16: false, recompute);
        config = config with
        {
            Algorithm = config.Algorithm with { Name = "ppo" },
            Critic = config.Critic with
            {
                PpoMaxTokenLenPerGpu = 3 * (Prompt + Response),
                Model = config.Critic.Model with { LoraRank = criticRank },
            },
        };
        AdapterOptions? adapter = isAdapted ? AdapterOptions.AllProjections(4) : null;
        BatchPlan batch = BatchPlan.Train(config, dataPrompts: null);
        using EngineDevice device = EngineDevice.Open("cpu", Threads);
        MemoryPlan plan = MemoryPlan.Train(
            Model(architecture, config) with { Adapter = adapter }, config, batch, device.Memory().DeviceTotal);
        Assert.That(plan.Parts.Select(p => p.Key), Has.None.StartsWith("reference"),
            "PPO without a KL asks no reference");
        Assert.That(plan.PpoExtra, Is.Zero);
        using Policy policy =
            Policy.CreateRandom(device, architecture, Options(bf16: false, recompute), seed: 1, std: 0.02f);
        Meter meter = new(device, plan);

        PolicyOptions options = Options(bf16: false, recompute) with { Trainable = criticRank == 0 };
        using Critic critic = Critic.FromPolicy(policy, options, seed: 2, std: 0.02f);
        if (criticRank > 0)
        {
            critic.AttachAdapter(AdapterOptions.Of(config.Critic.Model)!, trainable: true, seed: 3);
        }

        using AdamW optimizer = new(critic, config.Critic.Optim);
        meter.Exactly("critic", "critic_state");

        Assert.That(batch.OfCritic(config).MicroBatchSequences, Is.EqualTo(3));
        PackedBatch packed =
            new([.. Enumerable.Range(0, 3)
            .Select(i => new ScoredSequence(Ids(i, Prompt), Ids(i + 50, Response), Bootstrap: true))]);
        for (int i = 0; i < 2; i++)
        {
            _ = critic.Values(packed, keep: true);
            critic.Backward([.. Enumerable.Repeat(0.01f, packed.RowCount)]);
        }

        meter.Within(0.8, "critic_activations", "kernels");
    }

    /// <summary>The pool is a share of what the models, their training state and the critic leave free.</summary>
    [Test]
    public void The_page_pool_leaves_room_for_what_is_held_beside_it()
    {
        RunConfig tbrm = Config(
            bf16: false, recompute: false) with
        { Rollout = new() { MemoryUtilization = 0.5, MaxNumSeqs = 64 } };
        RunConfig ppo = tbrm with { Algorithm = tbrm.Algorithm with { Name = "ppo" } };
        ModelMemory model = Model(Architecture(tied: true), tbrm);
        MemoryPlan Plan(RunConfig config, long available) =>
            MemoryPlan.Train(model, config, BatchPlan.Train(config, null), available);
        long Of(MemoryPlan plan, params string[] keys) => plan.Parts.Where(p => keys.Contains(p.Key)).Sum(p => p.Bytes);
        long available = MemoryPlan.HeldBytes(model, ppo) + 40 * model.KvPage;
        MemoryPlan whole = Plan(ppo, available);
        string[] held =
            ["weights", "master", "gradients", "moments", "critic", "critic_state", "reference"];
        Assert.That(Of(whole, held), Is.EqualTo(MemoryPlan.HeldBytes(model, ppo)));
        Assert.That(Of(Plan(tbrm, 0), held), Is.EqualTo(MemoryPlan.HeldBytes(model, tbrm)));
        Assert.That(whole.KvPages, Is.EqualTo(20), "half of what is left");
    }

    [Test]
    public void Mini_batches_and_epochs_are_updates_and_bound_the_micro_batch()
    {
        RunConfig config = Config(bf16: false, recompute: false);
        BatchPlan whole = BatchPlan.Train(config, null);
        Assert.That((whole.UpdatesPerStep, whole.MicroBatchSequences), Is.EqualTo((1L, 8L)));
        BatchPlan cut = BatchPlan.Train(
            config with { Actor = config.Actor with { PpoMiniBatchSize = 3, PpoEpochs = 2 } }, null);
        Assert.That((cut.UpdatesPerStep, cut.MicroBatchSequences, cut.Updates), Is.EqualTo((6L, 6L, (long?)6)),
            "3, 3 and 2 prompts, twice");
    }

    [Test]
    public void The_knob_of_an_adapter_saves_what_it_says()
    {
        RunConfig config = Config(bf16: true, recompute: false);
        BatchPlan batch = BatchPlan.Train(config, null);
        ModelMemory whole = Model(Architecture(true), config);
        MemoryPlan plan = MemoryPlan.Train(whole, config, batch, 0);
        MemoryKnob knob = plan.Knobs.Single(k => k.Setting == "model.lora_rank=32");
        AdapterOptions adapter = AdapterOptions.Of(config.Model with { LoraRank = 32 })!;
        MemoryPlan adapted = MemoryPlan.Train(whole with { Adapter = adapter }, config, batch, 0);
        string[] state = ["adapter", "master", "gradients", "moments", "reference"];
        long Of(MemoryPlan p) => p.Parts.Where(part => state.Contains(part.Key)).Sum(part => part.Bytes);
        Assert.That(Of(plan) - Of(adapted), Is.EqualTo(knob.Saves));
        Assert.That(adapted.Knobs.Select(k => k.Setting), Has.None.StartsWith("model.lora_rank"));
    }

    [Test]
    public void A_plan_that_does_not_fit_names_what_to_change()
    {
        RunConfig config = Config(bf16: true, recompute: false);
        BatchPlan batch = BatchPlan.Train(config, null);
        ModelMemory model = Model(Architecture(true), config);
        MemoryPlan roomy = MemoryPlan.Train(model, config, batch, 1_000_000_000_000);
        MemoryPlan tight = MemoryPlan.Train(model, config, batch, roomy.Total - 1);
        Assert.That(roomy.Fits, Is.True);
        Assert.That(tight.Fits, Is.False);
        Assert.That(tight.Knobs.Select(k => k.Setting), Does.Contain("model.enable_gradient_checkpointing=true"));
        Assert.That(tight.Knobs.Select(k => k.Saves), Is.Ordered.Descending.And.All.Positive);
        MemoryKnob recompute = tight.Knobs.Single(k => k.Setting.StartsWith("model.enable", StringComparison.Ordinal));
        RunConfig turned = config with { Model = config.Model with { EnableGradientCheckpointing = true } };
        Assert.That(MemoryPlan.Train(Model(Architecture(true), turned), turned, batch, 0).Total,
            Is.EqualTo(tight.Total - recompute.Saves), "the knob saves what it says");
    }

    [Test]
    public void Ppo_takes_a_critic_more()
    {
        RunConfig config = Config(bf16: true, recompute: true);
        ModelArchitecture architecture = Architecture(tied: false);
        MemoryPlan plan = MemoryPlan.Train(
            Model(architecture, config) with { IsCuda = true }, config, BatchPlan.Train(config, null), 0);
        // bf16 weight, fp32 master, gradient and two moments of the body, embedding and one output row; norms and
        // biases are fp32 in the weights too.
        long matrices = architecture.ParameterCount - (long)architecture.VocabSize * architecture.HiddenSize
            + architecture.HiddenSize;
        Assert.That(plan.PpoExtra,
            Is.InRange(matrices * 18,
            (long)(matrices * 18.1) + (Prompt + Response) * architecture.HeadDim * 4
            + 12 * Prompts * Samples * (Prompt + Response)));
    }

    /// <summary>Parameters as the models' own cards and safetensors files count them.</summary>
    [TestCase("Qwen2.5-0.5B", 494_032_768)]
    [TestCase("Qwen2.5-Math-1.5B-Instruct", 1_543_714_304)]
    [TestCase("models/Qwen2.5-7B/", 7_615_616_512)]
    [TestCase("Qwen3-0.6B-Base", 596_049_920)]
    [TestCase("Qwen3-8B", 8_190_735_360)]
    [TestCase("Llama-3.2-1B", 1_235_814_400)]
    [TestCase("Llama-3.1-8B-Instruct", 8_030_261_248)]
    public void Published_shapes_have_their_published_sizes(string name, long parameters) =>
        Assert.That(KnownShapes.Find(name)!.ParameterCount, Is.EqualTo(parameters));

    [Test]
    public void A_name_that_is_no_published_shape_is_none() => Assert.That(KnownShapes.Find("Qwen2.5-72B"), Is.Null);

    private static RunConfig Config(bool bf16, bool recompute) => new()
    {
        Data = new() { TrainBatchSize = Prompts, MaxPromptLength = Prompt, MaxResponseLength = Response },
        Model = new() { Dtype = bf16 ? "bf16" : "fp32", EnableGradientCheckpointing = recompute, HeadBudgetMb = 16 },
        Rollout = new()
        {
            N = Samples,
            MaxNumSeqs = Prompts * Samples,
            MaxNumBatchedTokens = Prompts * Prompt,
            KvCacheMb = 20
        },
        Actor = new() { PpoMaxTokenLenPerGpu = 8 * (Prompt + Response) },
        Trainer = new() { TotalTrainingSteps = 1 },
    };

    private static ModelArchitecture Architecture(bool tied) => ModelArchitecture.Parse(new JsonObject
    {
        ["architectures"] = new JsonArray("Qwen2ForCausalLM"),
        ["hidden_size"] = 320,
        ["intermediate_size"] = 904,
        ["num_hidden_layers"] = 6,
        ["num_attention_heads"] = 10,
        ["num_key_value_heads"] = 2,
        // No multiple of a panel's 64 rows.
        ["vocab_size"] = 9001,
        ["tie_word_embeddings"] = tied,
    }.ToJsonString(), "test");

    private static ModelMemory Model(ModelArchitecture architecture, RunConfig config) =>
        new(architecture, Options(config.Model.Dtype == "bf16", config.Model.EnableGradientCheckpointing), null,
            IsCuda: false, Threads);

    private static PolicyOptions Options(bool bf16, bool recompute) => new()
    {
        Bf16 = bf16,
        MaxPositions = Prompt + Response,
        Trainable = true,
        Recompute = recompute,
        HeadBudgetBytes = 16_000_000,
    };

    private static int[] Ids(int seed, int count) =>
        [.. Enumerable.Range(0, count).Select(i => (i * 7919 + seed * 104729) % 9000)];

    private static FusedResidual Fused(PackedBatch packed, Scores scores) => new()
    {
        CalibratedByReference = false,
        Beta = 1,
        LossScale = 1,
        DetachValue = false,
        RefLogp = [.. scores.Q.Zip(scores.V, (q, v) => q - v)],
        RefV1 = [],
        Reward = new double[packed.RowOffsets.Length - 1],
        Weight = [.. Enumerable.Repeat(0.1, packed.RowOffsets.Length - 1)],
        Bootstrap = [.. Enumerable.Repeat(1, packed.RowOffsets.Length - 1)],
    };

    /// <summary>Compares what was allocated since the last look, at its peak, with parts of the plan.</summary>
    private sealed class Meter(EngineDevice device, MemoryPlan plan)
    {
        private long _before = device.Memory(resetPeak: true).InUse;

        /// <summary>What is held now; working memory that the allocation itself needed is gone again.</summary>
        public void Exactly(params string[] parts)
        {
            long before = _before;
            (long _, long planned) = Look(parts);
            Assert.That(_before - before, Is.EqualTo(planned), string.Join(" + ", parts));
        }

        /// <summary>These parts are given back; at most the working memory of kernels stays.</summary>
        public void Released(params string[] parts)
        {
            long before = _before;
            (long _, long planned) = Look(parts);
            Assert.That(before - _before, Is.GreaterThan(0.8 * planned), string.Join(" + ", parts));
        }

        /// <summary>The plan is not exceeded, and at least this share of it is used.</summary>
        public void Within(double share, params string[] parts)
        {
            long before = _before;
            (long taken, long planned) = Look(parts);
            // A thread that got no work until now takes its working memory here, and keeps it: that is the kernels'
            // part, not this one's.
            taken -= parts.Contains("kernels") ? 0 : Math.Max(0, _before - before);
            TestContext.Out.WriteLine(
                $"{string.Join(" + ", parts)}: {taken} of {planned}, {(double)taken / planned:P1}");
            Assert.That(taken, Is.InRange((long)(share * planned), planned), string.Join(" + ", parts));
        }

        private (long Taken, long Planned) Look(string[] parts)
        {
            DeviceMemory memory = device.Memory(resetPeak: true);
            long taken = memory.Peak - _before;
            _before = memory.InUse;
            return (taken, plan.Parts.Where(p => parts.Contains(p.Key)).Sum(p => p.Bytes));
        }
    }
}
