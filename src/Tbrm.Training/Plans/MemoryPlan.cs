using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core;
using Tbrm.Engine;

namespace Tbrm.Training.Plans;

/// <summary>One part of a run's memory.</summary>
/// <param name="Key">For programs.</param>
/// <param name="Name">For people.</param>
/// <param name="Bytes">At most.</param>
/// <param name="Note">What it follows from.</param>
/// <param name="Phase">When it is held.</param>
public sealed record MemoryPart(string Key, string Name, long Bytes, string Note, MemoryPhase Phase = MemoryPhase.Always);

/// <summary>When a part of the memory is held. Rollout and update take turns: the rollout's buffers are given back before the update.</summary>
public enum MemoryPhase
{
    /// <summary>All the time.</summary>
    Always,

    /// <summary>While responses are drawn.</summary>
    Rollout,

    /// <summary>From the reference pass to the optimizer's step.</summary>
    Update,
}

/// <summary>Something to change when the memory is not enough.</summary>
/// <param name="Setting">key=value.</param>
/// <param name="Saves">Bytes.</param>
public sealed record MemoryKnob(string Setting, long Saves);

/// <summary>
/// The device memory that a run takes: an upper bound, with every prompt and every response at its full length. What rollout and update take
/// besides the rest is held in turns, so that the larger of the two counts.
/// </summary>
public sealed record MemoryPlan
{
    private const int LoraRank = 32;
    private const string Recompute = "model.enable_gradient_checkpointing=true";

    /// <summary>In the order in which they are allocated.</summary>
    public required IReadOnlyList<MemoryPart> Parts { get; init; }

    /// <summary>What the device has; 0 when it is not known.</summary>
    public required long Available { get; init; }

    /// <summary>Activations of a micro-batch when every layer keeps what its backward needs.</summary>
    public required long ActivationsKept { get; init; }

    /// <summary>Activations of a micro-batch when layers run again in the backward pass.</summary>
    public required long ActivationsRecomputed { get; init; }

    /// <summary>What PPO with the same configuration takes beyond this: the critic's weights and training state, and its values per token; 0 with an adapter, when a critic would be one too.</summary>
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

    /// <summary>Memory of reinforcement steps. <paramref name="threads"/>: CPU threads, each of which has working memory of its own.</summary>
    public static MemoryPlan Train(ModelBytes model, RunConfig config, BatchPlan batch, long available, int threads)
    {
        long pages = KvPageCount(model, config, available);
        BatchPlan scored = batch.OfReferencePass(config.Ref);
        long referencePass = scored.MicroBatchTokens * model.ScoringPerToken + scored.MicroBatchRows * model.PerScoredRow(training: false) + model.HeadSums(ChunkRows(scored));
        List<MemoryPart> parts = [.. Policy(model), .. Rollout(model, config, pages, threads)];
        parts.Add(new("reference", "reference weights", model.Reference, model.Adapter is null ? "a frozen copy" : "the weights themselves, with the adapter off"));
        parts.Add(new("reference_pass", "reference pass", referencePass, $"{scored.MicroBatchTokens} tokens, forward only", MemoryPhase.Update));
        parts.AddRange(Update(model, config, batch, threads));
        long tokens = batch.TokensPerStep;
        return Finish(model, config, batch, parts, available, pages) with { PpoExtra = model.Adapter is null ? model.Critic + 3 * sizeof(float) * tokens : 0 };
    }

    /// <summary>Memory of an evaluation: weights and rollout.</summary>
    public static MemoryPlan Evaluation(ModelBytes model, RunConfig config, long available, int threads)
    {
        long pages = KvPageCount(model, config, available);
        List<MemoryPart> parts = [.. Policy(model).Where(p => p.Key is "weights" or "adapter"), .. Rollout(model, config, pages, threads), Kernels(model, threads)];
        return new() { Parts = parts, Available = available, ActivationsKept = 0, ActivationsRecomputed = 0, PpoExtra = 0, KvPages = pages, Knobs = Savings(parts, RolloutKnobs(model, config, config.Data.MaxPromptLength + config.Rollout.ValKwargs.MaxResponseLength, pages)) };
    }

    /// <summary>Memory of supervised steps: no reference, and a rollout only where accuracy is measured.</summary>
    public static MemoryPlan Sft(ModelBytes model, RunConfig config, BatchPlan batch, long available, int threads)
    {
        bool isAsked = config.Sft.ValAccuracy && (config.Data.ValFiles.Count > 0 || config.Data.Task.Length > 0 || config.Data.Tasks.Count > 0);
        long pages = isAsked ? KvPageCount(model, config, available) : 0;
        IEnumerable<MemoryPart> rollout = isAsked ? Rollout(model, config, pages, threads) : [];
        return Finish(model, config, batch, [.. Policy(model), .. rollout, .. Update(model, config, batch, threads)], available, pages);
    }

    /// <summary>Rows that the head takes at once.</summary>
    private static long ChunkRows(BatchPlan batch) => Math.Min(batch.MicroBatchRows, 2048);

    private static IEnumerable<MemoryPart> Policy(ModelBytes model)
    {
        yield return new("weights", "weights", model.Weights, "one copy for rollout and training");
        if (model.Adapter is { } adapter)
        {
            yield return new("adapter", "adapter", model.AdapterWeights, $"rank {adapter.Rank} in {string.Join(", ", adapter.TargetNames)}; the weights are frozen");
        }

        if (model.Master > 0)
        {
            yield return new("master", "fp32 master weights", model.Master, "what the optimizer works on");
        }

        yield return new("gradients", "gradients", model.Gradients, model.Adapter is null ? "fp32" : "fp32, of the adapter");
        yield return new("moments", "Adam's moments", model.Moments, "two, fp32");
    }

    private static IEnumerable<MemoryPart> Rollout(ModelBytes model, RunConfig config, long pages, int threads)
    {
        long rows = config.Rollout.MaxNumSeqs + config.Rollout.MaxNumBatchedTokens;
        long logitsRows = Math.Clamp(HeadBudget.Bytes(config) / (model.Architecture.VocabSize * sizeof(float)), 1, config.Rollout.MaxNumSeqs);
        long logits = logitsRows * model.Architecture.VocabSize * sizeof(float);
        yield return new("kv_pages", "KV pages", pages * model.KvPage, $"{pages} pages of {ModelBytes.PageTokens} tokens", MemoryPhase.Rollout);
        yield return new("rollout_activations", "rollout activations", rows * model.RolloutPerToken + config.Rollout.MaxNumSeqs * model.Row, $"{rows} rows: rollout.max_num_seqs + max_num_batched_tokens", MemoryPhase.Rollout);
        yield return new("rollout_logits", "logits to draw from", logits + SamplerWork(model, threads), $"{logitsRows} rows of fp32 within model.head_budget_mb, and the sampler's workspace", MemoryPhase.Rollout);
    }

    private static IEnumerable<MemoryPart> Update(ModelBytes model, RunConfig config, BatchPlan batch, int threads)
    {
        bool recompute = config.Model.EnableGradientCheckpointing;
        yield return new("activations", "activations", Activations(model, batch, recompute),
            $"{batch.MicroBatchTokens} tokens of a micro-batch{(recompute ? ", layers run again in backward" : "")}", MemoryPhase.Update);
        yield return new("head", "head", Math.Min(HeadBudget.Bytes(config), batch.MicroBatchRows * model.HeadKeptRow) + model.HeadWork(ChunkRows(batch)),
            $"{batch.MicroBatchRows} rows within model.head_budget_mb={HeadBudget.Bytes(config) / 1_000_000}, and its products", MemoryPhase.Update);
        yield return Kernels(model, threads);
    }

    private static MemoryPart Kernels(ModelBytes model, int threads) => new("kernels", "kernels' working memory", KernelWork(model, threads), $"{threads} threads");

    private static long Activations(ModelBytes model, BatchPlan batch, bool recompute) =>
        batch.MicroBatchTokens * model.TrainingPerToken(recompute) + batch.MicroBatchRows * model.PerScoredRow(training: true)
        + model.AttentionPool(batch.MicroBatchSequences, batch.LongestSequence);

    /// <summary>As the rollout stage and the engine reckon it.</summary>
    private static long KvPageCount(ModelBytes model, RunConfig config, long available)
    {
        long each = (model.MaxPositions + ModelBytes.PageTokens - 1) / ModelBytes.PageTokens;
        if (config.Rollout.KvCacheMb > 0)
        {
            return config.Rollout.KvCacheMb * 1_000_000L / model.KvPage;
        }

        long wanted = each * config.Rollout.MaxNumSeqs;
        // Less than one sequence is refused by the engine: what is planned is what it would ask for.
        long left = available - model.Weights - model.AdapterWeights - model.Master - model.Gradients;
        return available <= 0 ? wanted : Math.Clamp((long)(left * config.Rollout.MemoryUtilization) / model.KvPage, each, wanted);
    }

    /// <summary>Sums, candidates and exponentials of each thread's row.</summary>
    private static long SamplerWork(ModelBytes model, int threads) => threads * 3L * model.Architecture.VocabSize * sizeof(float);

    /// <summary>Transposed inputs of 512 rows of the widest product, once; tiles of logits, slabs and accumulators, for each thread.</summary>
    private static long KernelWork(ModelBytes model, int threads)
    {
        long widest = Math.Max(model.Architecture.IntermediateSize, Math.Max(model.Architecture.HiddenSize, (long)model.Architecture.Heads * model.Architecture.HeadDim));
        return widest * (512 + 32) * sizeof(float) + threads * 1_000_000L;
    }

    /// <summary>What training keeps besides the weights and the activations.</summary>
    private static long TrainingState(ModelBytes model, bool withReference) =>
        model.AdapterWeights + model.Master + model.Gradients + model.Moments + (withReference ? model.Reference : 0);

    private static MemoryPlan Finish(ModelBytes model, RunConfig config, BatchPlan batch, List<MemoryPart> parts, long available, long pages)
    {
        long kept = Activations(model, batch, recompute: false), again = Activations(model, batch, recompute: true);
        long now = config.Model.EnableGradientCheckpointing ? again : kept;
        BatchPlan one = batch with { MicroBatchSequences = 1 };
        bool withReference = parts.Any(p => p.Key == "reference");
        long state = TrainingState(model, withReference), adapted = TrainingState(model.With(AdapterOptions.AllProjections(LoraRank)), withReference);
        List<(string Setting, string Part, long Bytes)> changes =
        [
            (Recompute, "activations", again),
            ($"actor.ppo_max_token_len_per_gpu={batch.LongestSequence}", "activations", Activations(model, one, config.Model.EnableGradientCheckpointing)),
            ("model.head_budget_mb=64", "head", 64_000_000 + model.HeadWork(ChunkRows(batch))),
            ("model.dtype=bf16", "activations", model.Master == 0 ? now - now / 2 : now),
            // Of what training keeps, the gradients stand for all.
            ($"model.lora_rank={LoraRank}", "gradients", model.Gradients - (model.Adapter is null ? state - adapted : 0)),
            .. RolloutKnobs(model, config, batch.LongestSequence, pages),
        ];
        return new()
        {
            Parts = parts,
            Available = available,
            ActivationsKept = kept,
            ActivationsRecomputed = again,
            PpoExtra = 0,
            KvPages = pages,
            Knobs = Savings(parts, changes),
        };
    }

    private static IEnumerable<(string Setting, string Part, long Bytes)> RolloutKnobs(ModelBytes model, RunConfig config, long longest, long pages)
    {
        long least = (longest + ModelBytes.PageTokens - 1) / ModelBytes.PageTokens * Math.Min(config.Rollout.MaxNumSeqs, 8);
        if (pages > 0)
        {
            long rows = config.Rollout.MaxNumSeqs + Math.Min(1024, config.Rollout.MaxNumBatchedTokens);
            yield return ($"rollout.kv_cache_mb={(least * model.KvPage + 999_999) / 1_000_000}", "kv_pages", least * model.KvPage);
            yield return ("rollout.max_num_batched_tokens=1024", "rollout_activations", rows * model.RolloutPerToken + config.Rollout.MaxNumSeqs * model.Row);
        }
    }

    /// <summary>What each change of one part takes off the most that is held at a time.</summary>
    private static IReadOnlyList<MemoryKnob> Savings(List<MemoryPart> parts, IEnumerable<(string Setting, string Part, long Bytes)> changes)
    {
        long total = Peak(parts);
        return [.. changes.Select(c => new MemoryKnob(c.Setting, total - Peak([.. parts.Select(p => p.Key == c.Part ? p with { Bytes = c.Bytes } : p)])))
            .Where(k => k.Saves > 0).OrderByDescending(k => k.Saves)];
    }

    private static long Peak(IReadOnlyList<MemoryPart> parts) =>
        Of(parts, MemoryPhase.Always) + Math.Max(Of(parts, MemoryPhase.Rollout), Of(parts, MemoryPhase.Update));

    private static long Of(IReadOnlyList<MemoryPart> parts, MemoryPhase phase) => parts.Where(p => p.Phase == phase).Sum(p => p.Bytes);
}
