using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Engine.Models;
using Tbrm.Objectives;

namespace Tbrm.Training.Plans;

/// <summary>
/// The device memory that a run takes, with every prompt and every response at its full length, as the native library
/// reckons it. What rollout,
/// reference pass and update take besides the rest is held in turns, so that the largest of the three counts.
/// </summary>
public sealed record MemoryPlan
{
    private const int LoraRank = 32;
    private const string RecomputeSetting = "model.enable_gradient_checkpointing=true";

    /// <summary>In the order in which they are allocated.</summary>
    public required IReadOnlyList<MemoryPart> Parts { get; init; }

    /// <summary>What the device has; 0 when it is not known.</summary>
    public required long Available { get; init; }

    /// <summary>Activations of a micro-batch when every layer keeps what its backward needs.</summary>
    public required long ActivationsKept { get; init; }

    /// <summary>Activations of a micro-batch when layers run again in the backward pass.</summary>
    public required long ActivationsRecomputed { get; init; }

    /// <summary>
    /// What PPO with the same configuration takes beyond this: the critic's weights and training state, and its values
    /// per token; 0 where a critic is
    /// among the parts, and with an adapter, as nobody compares that with a critic that is trained whole.
    /// </summary>
    public required long PpoExtra { get; init; }

    /// <summary>What would make it smaller, the largest saving first.</summary>
    public required IReadOnlyList<MemoryKnob> Knobs { get; init; }

    /// <summary>KV pages.</summary>
    public required long KvPages { get; init; }

    /// <summary>The most that is held at a time.</summary>
    public long Total => Peak(Parts);

    /// <summary>Bytes of a phase's own parts.</summary>
    public long Of(MemoryPhase phase) => Of(Parts, phase);

    /// <summary>False when it is known that the device has less.</summary>
    public bool Fits => Available <= 0 || Total <= Available;

    /// <summary>Memory of reinforcement steps.</summary>
    public static MemoryPlan Train(ModelMemory model, RunConfig config, BatchPlan batch, long available)
    {
        BatchPlan scored = batch.OfReferencePass(config.Ref);
        AlgorithmSelection algorithm = AlgorithmSelection.Of(config);
        MemoryLoad load = Rollout(model, config, available, HeldBytes(model, config)) with
        {
            Update = Of(batch),
            Score = Of(scored),
            Entropy = algorithm.Needs.HasFlag(Needs.Entropy),
        };
        MemoryBytes bytes = model.Of(load);
        List<MemoryPart> parts = [.. Policy(model, bytes)];
        parts.AddRange(TrajectoryMemory.SamplesNothing(config) ? [] : Rollout(model, config, bytes));
        if (TrajectoryMemory.HasReference(config, algorithm))
        {
            parts.Add(new("reference", "reference weights", Reference(model, bytes),
                model.Adapter is null ? "a frozen copy" : "the weights themselves, with the adapter off"));
            parts.Add(new("reference_pass", "reference pass", bytes.ScoreBatch,
                $"{scored.MicroBatchTokens} tokens, forward only", MemoryPhase.Reference));
        }

        if (config.Rollout.Lag > 0)
        {
            parts.Add(new("behaviour", "weights of the lagging rollout", bytes.FrozenCopy,
                $"rollout.lag={config.Rollout.Lag}; those in between are on disk"));
        }

        if (!model.IsCuda && TrajectoryMemory.ReplayBytes(config) is > 0 and long buffer)
        {
            parts.Add(new("replay", "replay buffer", buffer,
                $"replay.capacity={config.Replay.Capacity} trajectories; replay.store=disk takes none"));
        }

        parts.AddRange(Update(model, config, batch, bytes));
        bool hasCritic = HasCritic(config, algorithm);
        parts.AddRange(hasCritic ? CriticParts(model, config, batch.OfCritic(config)) : []);
        parts.AddRange(SharedMemory.Parts(bytes, parts));
        return Finish(model, config, batch, load, parts, available, hasCritic ? CriticKnobs(model, config, batch)
            : []) with
        {
            PpoExtra = model.Adapter is null && algorithm.Critic is null
                ? Critic(model, config).Of(default).State + 3 * sizeof(float) * batch.TokensPerStep : 0,
        };
    }

    /// <summary>Memory of an evaluation: weights and rollout.</summary>
    public static MemoryPlan Evaluation(ModelMemory model, RunConfig config, long available)
    {
        MemoryBytes alone = model.Of(default);
        MemoryLoad load = Rollout(model, config, available, alone.Weights + alone.Adapter);
        MemoryBytes bytes = model.Of(load);
        List<MemoryPart> parts =
            [.. Policy(model, bytes).Where(p => p.Key is "weights" or "adapter"), .. Rollout(model, config, bytes),
            Kernels(model, bytes)];
        return new()
        {
            Parts = parts,
            Available = available,
            ActivationsKept = 0,
            ActivationsRecomputed = 0,
            PpoExtra = 0,
            KvPages = bytes.KvPages / bytes.KvPage,
            Knobs = Savings(parts,
                RolloutKnobs(model, config, config.Data.MaxPromptLength + config.Rollout.ValKwargs.MaxResponseLength,
                load)),
        };
    }

    /// <summary>Memory of supervised steps: no reference, and a rollout only where accuracy is measured.</summary>
    public static MemoryPlan Sft(ModelMemory model, RunConfig config, BatchPlan batch, long available)
    {
        bool evaluates = config.Sft.ValAccuracy
            && (config.Data.ValFiles.Count > 0 || config.Data.Task.Length > 0 || config.Data.Tasks.Count > 0);
        MemoryLoad load = (evaluates ? Rollout(model, config, available, model.Of(default).State)
            : default) with
        { Update = Of(batch) };
        MemoryBytes bytes = model.Of(load);
        IEnumerable<MemoryPart> rollout = evaluates ? Rollout(model, config, bytes) : [];
        List<MemoryPart> parts = [.. Policy(model, bytes), .. rollout, .. Update(model, config, batch, bytes)];
        return Finish(model, config, batch, load, [.. parts, .. SharedMemory.Parts(bytes, parts)], available);
    }

    private static (long Sequences, long Tokens, long Rows) Of(BatchPlan batch) =>
        (batch.MicroBatchSequences, batch.MicroBatchTokens, batch.MicroBatchRows);

    /// <summary>Whether a critic is trained that is a model of its own.</summary>
    private static bool HasCritic(RunConfig config, AlgorithmSelection algorithm) =>
        algorithm.Critic is not null && !config.Critic.SharedTrunk;

    /// <summary>With an adapter the reference is the base itself.</summary>
    private static long Reference(ModelMemory model, MemoryBytes bytes) => model.Adapter is null ? bytes.FrozenCopy : 0;

    /// <summary>
    /// A critic that is trained beside the policy: the body of its own folder, or the policy's, with a value head;
    /// trained whole unless it
    /// has an adapter of its own.
    /// </summary>
    private static ModelMemory Critic(ModelMemory model, RunConfig config)
    {
        string own = config.Critic.Model.Path;
        ModelArchitecture body = own.Length > 0 && Directory.Exists(own) ? ModelFolder.ReadArchitecture(own)
            : model.Architecture;
        return model with
        {
            Architecture = body.AsCritic(),
            Options = model.Options with { Trainable = true },
            Adapter = AdapterOptions.Of(config.Critic.Model),
        };
    }

    /// <summary>What a critic holds, and its activations while it is its turn.</summary>
    private static IEnumerable<MemoryPart> CriticParts(ModelMemory model, RunConfig config, BatchPlan batch)
    {
        ModelMemory critic = Critic(model, config);
        MemoryBytes bytes = critic.Of(new() { Update = Of(batch) });
        yield return new("critic", "critic", bytes.Weights + bytes.Adapter, critic.Adapter is { } adapter
            ? $"a value model: frozen weights; adapter of rank {adapter.RankText} and value head"
            : "a value model");
        yield return new("critic_state", "critic's training state", bytes.Masters + bytes.Gradients + bytes.Moments,
            "fp32 master weights, gradients, Adam's moments");
        yield return new("critic_activations", "critic's activations",
            bytes.Activations + Math.Max(bytes.UpdateHead, bytes.UpdateLayer) + bytes.UpdateGradients,
            $"{batch.MicroBatchTokens} tokens of a micro-batch", MemoryPhase.Critic);
    }

    private static IEnumerable<MemoryPart> Policy(ModelMemory model, MemoryBytes bytes)
    {
        yield return new("weights", "weights", bytes.Weights, "one copy for rollout and training");
        if (model.Adapter is { } adapter)
        {
            yield return new("adapter", "adapter", bytes.Adapter,
                $"rank {adapter.RankText} in {string.Join(", ", adapter.TargetNames)}; the weights are frozen");
        }

        if (bytes.Masters > 0)
        {
            yield return new("master", "fp32 master weights", bytes.Masters,
                SharedMemory.Note(model.Options, model.Adapter is null ? 1 : int.MaxValue,
                    "what the optimizer works on"));
        }

        yield return new("gradients", "gradients", bytes.Gradients,
            SharedMemory.Note(model.Options, 2, model.Adapter is null ? "fp32" : "fp32, of the adapter"));
        yield return new("moments", "Adam's moments", bytes.Moments,
            SharedMemory.Note(model.Options, 1, "two, fp32"));
    }

    private static IEnumerable<MemoryPart> Rollout(ModelMemory model, RunConfig config, MemoryBytes bytes)
    {
        long rows = config.Rollout.MaxNumSeqs + config.Rollout.MaxNumBatchedTokens;
        yield return new("kv_pages", "KV pages", bytes.KvPages,
            $"{bytes.KvPages / bytes.KvPage} pages of {ModelMemory.PageTokens} tokens", MemoryPhase.Rollout);
        yield return new("rollout_activations", "rollout activations", bytes.RolloutActivations,
            $"{rows} rows: rollout.max_num_seqs + max_num_batched_tokens", MemoryPhase.Rollout);
        yield return new("rollout_logits", "logits to sample from", bytes.RolloutLogits,
            "fp32 within model.head_budget_mb, and the sampler's workspace", MemoryPhase.Rollout);
    }

    private static IEnumerable<MemoryPart> Update(ModelMemory model, RunConfig config, BatchPlan batch,
        MemoryBytes bytes)
    {
        (long activations, long head) = AtPeak(bytes, batch);
        yield return new("activations", "activations", activations,
            $"{batch.MicroBatchTokens} tokens of a micro-batch"
            + (model.Options.Recompute ? ", layers run again in backward" : ""), MemoryPhase.Update);
        yield return new("head", "head", head,
            $"{batch.MicroBatchRows} rows within model.head_budget_mb={HeadBudget.Bytes(config) / 1_000_000}, "
            + "and its products; a layer's attention takes its place", MemoryPhase.Update);
        yield return Kernels(model, bytes);
    }

    /// <summary>Activations, and the head or a layer's kernels beside them, when the whole is largest. The only
    /// micro-batch of a step has no buffers of a backward pass yet while its head computes; a second one finds those of
    /// the first.</summary>
    private static (long Activations, long Head) AtPeak(MemoryBytes bytes, BatchPlan batch)
    {
        long inHead = bytes.Activations - bytes.UpdateBackward + bytes.UpdateHead,
            inLayers = bytes.Activations + bytes.UpdateLayer;
        bool isOnly = batch.MicroBatches == 1 && batch.UpdatesPerStep == 1;
        return !isOnly ? (bytes.Activations, Math.Max(bytes.UpdateHead, bytes.UpdateLayer))
            : inHead > inLayers ? (bytes.Activations - bytes.UpdateBackward, bytes.UpdateHead)
            : (bytes.Activations, bytes.UpdateLayer);
    }

    private static MemoryPart Kernels(ModelMemory model, MemoryBytes bytes) =>
        new("kernels", "kernels' working memory", bytes.Kernels, $"{model.Threads} threads");

    /// <summary>
    /// What a reinforcement run holds all the time, rollouts included: policy and critic with their training state, the
    /// reference, the
    /// weights of a lagging rollout. The page pool is a share of what is left.
    /// </summary>
    public static long HeldBytes(ModelMemory model, RunConfig config)
    {
        AlgorithmSelection algorithm = AlgorithmSelection.Of(config);
        MemoryBytes bytes = model.Of(default);
        return bytes.State + (TrajectoryMemory.HasReference(config, algorithm) ? Reference(model, bytes) : 0)
            + (config.Rollout.Lag > 0 ? bytes.FrozenCopy : 0)
            + (!HasCritic(config, algorithm) ? 0 : Critic(model, config).Of(default).State);
    }

    /// <summary>The same of a policy that is there already, its adapter perhaps not yet.</summary>
    public static long HeldBytes(Policy policy, RunConfig config)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ModelMemory trained = policy.Memory with
        {
            Options = policy.Options with { Trainable = true },
            Adapter = policy.Adapter ?? AdapterOptions.Of(config.Model),
        };
        return HeldBytes(trained, config);
    }

    /// <summary>The page pool as the rollout stage asks for it.</summary>
    /// <param name="model">The policy.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="available">What the device has; 0: not known.</param>
    /// <param name="held">What is held besides the pool.</param>
    private static MemoryLoad Rollout(ModelMemory model, RunConfig config, long available, long held)
    {
        MemoryBytes bytes = model.Of(default);
        long pages = model.PagesPerSequence * config.Rollout.MaxNumSeqs;
        if (config.Rollout.KvCacheMb > 0)
        {
            pages = config.Rollout.KvCacheMb * 1_000_000L / bytes.KvPage;
        }
        else if (available > 0)
        {
            // Less than one sequence is refused by the engine: what is planned is what it would ask for.
            long left = available - held;
            pages = Math.Clamp((long)(left * config.Rollout.MemoryUtilization) / bytes.KvPage, model.PagesPerSequence,
                pages);
        }

        return new()
        {
            Rollout = (pages * bytes.KvPage, config.Rollout.MaxNumSeqs,
            config.Rollout.MaxNumBatchedTokens)
        };
    }

    /// <summary>An adapter takes most of the critic's training state; shorter micro-batches its activations.</summary>
    private static IEnumerable<(string Setting, string Part, long Bytes)> CriticKnobs(ModelMemory model,
        RunConfig config, BatchPlan batch)
    {
        ModelMemory critic = Critic(model, config);
        MemoryBytes now = critic.Of(default),
            adapted = (critic with { Adapter = AdapterOptions.AllProjections(LoraRank) }).Of(default);
        if (critic.Adapter is null)
        {
            yield return ($"critic.model.lora_rank={LoraRank}", "critic_state",
                adapted.State - now.Weights);
        }

        MemoryBytes one = critic.Of(new() { Update = Of(batch with { MicroBatchSequences = 1 }) });
        yield return ($"critic.ppo_max_token_len_per_gpu={batch.LongestSequence}", "critic_activations",
            one.Activations + Math.Max(one.UpdateHead, one.UpdateLayer) + one.UpdateGradients);
    }

    private static MemoryPlan Finish(ModelMemory model, RunConfig config, BatchPlan batch, MemoryLoad load,
        List<MemoryPart> parts, long available, IEnumerable<(string Setting, string Part, long Bytes)>? further = null)
    {
        MemoryBytes now = model.Of(load);
        MemoryBytes kept = Recomputing(model, false).Of(load), again = Recomputing(model, true).Of(load);
        BatchPlan single = batch with { MicroBatchSequences = 1 };
        MemoryBytes one = model.Of(load with { Update = Of(single) });
        MemoryBytes smallHead = (model with { Options = model.Options with { HeadBudgetBytes = 64_000_000 } }).Of(load);
        MemoryBytes narrow = (model with { Options = model.Options with { Bf16 = true } }).Of(load);
        ModelMemory withAdapter = model with { Adapter = AdapterOptions.AllProjections(LoraRank) };
        bool withReference = parts.Any(p => p.Key == "reference");
        long StateOf(ModelMemory m, MemoryBytes b) => b.State - b.Weights + (withReference ? Reference(m, b) : 0);
        List<(string Setting, string Part, long Bytes)> changes =
        [
            (RecomputeSetting, "activations", AtPeak(again, batch).Activations),
            ($"actor.ppo_max_token_len_per_gpu={batch.LongestSequence}", "activations", AtPeak(one,
                single).Activations),
            ("model.head_budget_mb=64", "head", AtPeak(smallHead, batch).Head),
            ("model.dtype=bf16", "activations", AtPeak(narrow, batch).Activations),
            // Of what training keeps, the gradients stand for all.
            ($"model.lora_rank={LoraRank}", "gradients",
                now.Gradients - (model.Adapter is null
                ? StateOf(model, now) - StateOf(withAdapter, withAdapter.Of(load)) : 0)),
            .. SharedMemory.Knobs(model, load),
            .. load.Rollout.KvBytes > 0 ? RolloutKnobs(model, config, batch.LongestSequence, load) : [],
            .. further ?? [],
        ];
        return new()
        {
            Parts = parts,
            Available = available,
            ActivationsKept = kept.Activations,
            ActivationsRecomputed = again.Activations,
            PpoExtra = 0,
            KvPages = now.KvPages / now.KvPage,
            Knobs = Savings(parts, changes),
        };
    }

    private static ModelMemory Recomputing(ModelMemory model, bool on) =>
        model with { Options = model.Options with { Recompute = on } };

    private static IEnumerable<(string Setting, string Part, long Bytes)> RolloutKnobs(ModelMemory model,
        RunConfig config, long longest, MemoryLoad load)
    {
        long page = model.KvPage,
            least = (longest + ModelMemory.PageTokens - 1) / ModelMemory.PageTokens * Math.Min(
            config.Rollout.MaxNumSeqs, 8) * page;
        MemoryLoad fewer = load with
        {
            Rollout = load.Rollout with
            {
                MaxBatchedTokens = Math.Min(1024,
            config.Rollout.MaxNumBatchedTokens)
            }
        };
        yield return ($"rollout.kv_cache_mb={(least + 999_999) / 1_000_000}", "kv_pages", least);
        yield return ("rollout.max_num_batched_tokens=1024", "rollout_activations", model.Of(fewer).RolloutActivations);
    }

    /// <summary>What each change of one part takes off the most that is held at a time.</summary>
    private static IReadOnlyList<MemoryKnob> Savings(List<MemoryPart> parts,
        IEnumerable<(string Setting, string Part, long Bytes)> changes)
    {
        long total = Peak(parts);
        return [.. changes.Select(c =>
            new MemoryKnob(c.Setting,
            total - Peak([.. parts.Select(p => p.Key == c.Part ? p with { Bytes = c.Bytes } : p)])))
            .Where(k => k.Saves > 0).OrderByDescending(k => k.Saves)];
    }

    private static long Peak(IReadOnlyList<MemoryPart> parts) =>
        Of(parts, MemoryPhase.Always)
        + Enum.GetValues<MemoryPhase>().Where(p => p != MemoryPhase.Always).Max(p => Of(parts, p));

    private static long Of(IReadOnlyList<MemoryPart> parts, MemoryPhase phase) => parts.Where(p => p.Phase == phase)
        .Sum(p => p.Bytes);
}
