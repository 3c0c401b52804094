using System;
using Tbrm.Interop;
using Tbrm.Interop.Stages;

namespace Tbrm.Engine.Models;

/// <summary>What is done with a model: the largest batch of each kind, 0 where there is none.</summary>
public readonly record struct MemoryLoad
{
    /// <summary>A micro-batch whose gradient is taken: sequences, their tokens in all, and the rows that its head
    /// reads.</summary>
    public (long Sequences, long Tokens, long Rows) Update { get; init; }

    /// <summary>A batch that is scored only.</summary>
    public (long Sequences, long Tokens, long Rows) Score { get; init; }

    /// <summary>A rollout: bytes of its page pool, sequences decoded together, prompt tokens prefilled at
    /// once.</summary>
    public (long KvBytes, int MaxSeqs, int MaxBatchedTokens) Rollout { get; init; }

    /// <summary>The objective takes a gradient through the entropy.</summary>
    public bool Entropy { get; init; }
}

/// <summary>Bytes that the engine allocates, part by part; the fields are those of tbrm_memory_bytes_t, and documented
/// there.</summary>
public sealed record MemoryBytes(
    long Parameters, long Trained, long Weights, long Adapter, long Masters, long Gradients, long Moments,
        long FrozenCopy, long KvPage, long KvPages,
    long RolloutActivations, long RolloutLogits, long UpdateInputs, long UpdateTape, long UpdateForward,
        long UpdateBackward, long UpdateRows,
    long UpdateLayer, long UpdateHead, long UpdateGradients, long Start, long ScoreBatch, long Kernels, long Always,
        long Update, long Rollout)
{
    /// <summary>What a micro-batch's body holds: inputs and tapes of the layers, scratch, the residual
    /// stream.</summary>
    public long Activations => UpdateInputs + UpdateTape + UpdateForward + UpdateBackward + UpdateRows;

    /// <summary>Weights, adapter, masters, gradients and moments.</summary>
    public long State => Always - Kernels;
}

/// <summary>
/// The memory of a model, reckoned by the native library from the expressions that it allocates by. Nothing is
/// allocated, and the device
/// need not be there.
/// </summary>
/// <param name="Architecture">The decoder and its head.</param>
/// <param name="Options">How it is held.</param>
/// <param name="Adapter">What is trained instead of the weights; null when the weights are.</param>
/// <param name="IsCuda">On a GPU: weights row by row, and no working memory of threads.</param>
/// <param name="Threads">CPU threads.</param>
public sealed record ModelMemory(ModelArchitecture Architecture, PolicyOptions Options, AdapterOptions? Adapter,
    bool IsCuda, int Threads)
{
    /// <summary>Tokens of a page of the KV cache.</summary>
    public const int PageTokens = MemoryPlanner.PageTokens;

    /// <summary>libtorch computes: weights row by row, and working arrays of its own.</summary>
    public bool IsTorch { get; init; }

    private DeviceKind Kind => IsTorch ? IsCuda ? DeviceKind.TorchCuda : DeviceKind.TorchCpu
        : IsCuda ? DeviceKind.Cuda : DeviceKind.Cpu;

    /// <summary>Bytes of the model with such a load.</summary>
    public MemoryBytes Of(MemoryLoad load)
    {
        (int[] ranks, float[] scales) = Adapter?.NativeModules(Architecture.Layers) ?? ([], []);
        NativeMemoryBytes n = NativeFailures.Translated("reckoning the memory", () => MemoryPlanner.Plan(
            Architecture.Native(Options, Options.Trainable && Adapter is null),
            Architecture.Description,
            Architecture.Rope.Tables,
            Adapter?.Native(Options.Trainable, seed: 0),
            new()
            {
                DeviceKind = Kind,
                NThreads = Math.Max(Threads, 1),
                Entropy = load.Entropy ? 1 : 0,
                UpdateSequences = load.Update.Sequences,
                UpdateTokens = load.Update.Tokens,
                UpdateRows = load.Update.Rows,
                ScoreSequences = load.Score.Sequences,
                ScoreTokens = load.Score.Tokens,
                ScoreRows = load.Score.Rows,
                KvBudgetBytes = load.Rollout.KvBytes,
                MaxSeqs = load.Rollout.MaxSeqs,
                MaxBatchedTokens = load.Rollout.MaxBatchedTokens,
            },
            ranks,
            scales));
        return new(n.NParameters, n.NTrained, n.Weights, n.Adapter, n.Masters, n.Gradients, n.Moments, n.FrozenCopy,
            n.KvPage, n.KvPages,
            n.RolloutActivations, n.RolloutLogits, n.UpdateInputs, n.UpdateTape, n.UpdateForward, n.UpdateBackward,
                n.UpdateRows,
            n.UpdateLayer, n.UpdateHead, n.UpdateGradients, n.Start, n.ScoreBatch, n.Kernels, n.Always,
                n.Update, n.Rollout);
    }

    /// <summary>The same with a shortest sequence, for numbers of parameters.</summary>
    internal static MemoryBytes Counted(ModelArchitecture architecture, AdapterOptions? adapter) =>
        new ModelMemory(architecture, new() { Bf16 = false, MaxPositions = 1, Trainable = true }, adapter,
            IsCuda: false, Threads: 1).Of(default);

    /// <summary>Bytes of one page of keys and values, all layers.</summary>
    public long KvPage => Of(default).KvPage;

    /// <summary>Pages of one sequence of the longest length.</summary>
    public long PagesPerSequence => (Options.MaxPositions + PageTokens - 1) / PageTokens;
}
