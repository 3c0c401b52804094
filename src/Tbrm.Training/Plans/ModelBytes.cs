using System.Linq;
using Tbrm.Engine;

namespace Tbrm.Training.Plans;

/// <summary>
/// Bytes of a decoder and of its passes, counted as the native engine allocates them: native/src/model/parameter.cpp, gradient/layer_tape.cpp,
/// gradient/training_pass.cpp, rollout/kv_cache.cpp. A test holds these numbers against the native counter.
/// </summary>
/// <param name="architecture">The decoder.</param>
/// <param name="bf16">Weights and activations in two bytes instead of four.</param>
/// <param name="maxPositions">Longest sequence: the rotary tables reach so far.</param>
/// <param name="panels">Matrices lie in panels of 64 rows, as on the CPU.</param>
/// <param name="adapter">What is trained instead of the weights; null when the weights are.</param>
public sealed class ModelBytes(ModelArchitecture architecture, bool bf16, long maxPositions, bool panels, AdapterOptions? adapter = null)
{
    /// <summary>Tokens of a KV page.</summary>
    public const int PageTokens = 64;

    private const int PanelRows = 64;

    private readonly int _element = bf16 ? 2 : 4;

    /// <summary>The decoder.</summary>
    public ModelArchitecture Architecture { get; } = architecture;

    /// <summary>Longest sequence.</summary>
    public long MaxPositions { get; } = maxPositions;

    /// <summary>What forward reads: one copy of the parameters, shared by rollout and training, and the tables of rotations (cos and sin, fp32).</summary>
    public long Weights => Sum(Architecture.TieWordEmbeddings ? 1 : 2, wide: false) + MaxPositions * Architecture.HeadDim * sizeof(float);

    /// <summary>The adapter; null when the weights are trained.</summary>
    public AdapterOptions? Adapter { get; } = adapter;

    /// <summary>A and B of the adapter, as forward reads them.</summary>
    public long AdapterWeights => AdapterSum(wide: false);

    /// <summary>fp32 copy of what is trained, which the optimizer works on; 0 in fp32, where the weights are it.</summary>
    public long Master => bf16 ? Gradients : 0;

    /// <summary>fp32 gradients of what is trained.</summary>
    public long Gradients => Adapter is null ? Sum(Architecture.TieWordEmbeddings ? 1 : 2, wide: true) : AdapterSum(wide: true);

    /// <summary>The reference policy: a frozen copy, or the base itself with the adapter off.</summary>
    public long Reference => Adapter is null ? Weights : 0;

    /// <summary>Adam's two fp32 moments.</summary>
    public long Moments => 2 * Gradients;

    /// <summary>The same decoder with another adapter.</summary>
    public ModelBytes With(AdapterOptions adapter) => new(Architecture, bf16, MaxPositions, panels, adapter);

    /// <summary>A critic that is trained beside the policy: the same body with one output instead of the vocabulary, and all its training state.</summary>
    public long Critic
    {
        get
        {
            long wide = Sum(1, wide: true) + Matrix(1, Architecture.HiddenSize, wide: true), narrow = Sum(1, wide: false) + Matrix(1, Architecture.HiddenSize, wide: false);
            return narrow + (bf16 ? wide : 0) + 3 * wide;
        }
    }

    /// <summary>One page of keys and values, all layers.</summary>
    public long KvPage => 2L * Architecture.Layers * Architecture.KeyValueHeads * Architecture.HeadDim * PageTokens * _element;

    /// <summary>The residual stream of a token.</summary>
    public long Row => (long)Architecture.HiddenSize * _element;

    /// <summary>What a forward whose backward follows holds at its widest moment, per token: scratch, layer inputs, tapes, backward scratch.</summary>
    public long TrainingPerToken(bool recompute) =>
        Row + ForwardScratch(withTape: true) + Architecture.Layers * Row + (recompute ? 1 : Architecture.Layers) * Tape + (recompute ? Row : 0) + BackwardScratch + PackedIds;

    /// <summary>What a forward alone holds, per token.</summary>
    public long ScoringPerToken => Row + ForwardScratch(withTape: false) + PackedIds;

    /// <summary>What scored rows add, per row: final norm and head input, their gradients in training, Q, V and labels.</summary>
    public long PerScoredRow(bool training) => (training ? 4 : 2) * Row + (training ? 5 : 3) * sizeof(float) + sizeof(long) + sizeof(int);

    /// <summary>Activations of one token in the rollout, and where its keys go and come from.</summary>
    public long RolloutPerToken => 2 * Row + (QkvWidth + AttentionWidth + 3L * Architecture.IntermediateSize + AdapterWidth) * _element + 4 * sizeof(int) + 2 * sizeof(long);

    /// <summary>One row of exponentials that the head keeps from forward to backward.</summary>
    public long HeadKeptRow => PaddedVocabulary * _element + HeadSegments * sizeof(float);

    /// <summary>Working memory of the head's backward over so many rows at once, besides what it keeps.</summary>
    public long HeadWork(long rows) =>
        (Adapter is null ? Architecture.HiddenSize * (Up(rows, 32) + 32) * _element : 0) + Up(Architecture.HiddenSize, PanelRows) * rows * sizeof(float) + HeadSums(rows);

    /// <summary>Sums of each row over segments of the vocabulary, while the head's forward runs.</summary>
    public long HeadSums(long rows) => rows * (HeadSegments + 1) * 3 * sizeof(float);

    /// <summary>Keys and values of a packed batch in blocks, made anew for each layer.</summary>
    public long AttentionPool(long sequences, long tokensEach) =>
        sequences * Up(tokensEach, PageTokens) * 2L * Architecture.KeyValueHeads * Architecture.HeadDim * _element;

    private long QkvWidth => (Architecture.Heads + 2L * Architecture.KeyValueHeads) * Architecture.HeadDim;

    private long AttentionWidth => (long)Architecture.Heads * Architecture.HeadDim;

    private long PaddedVocabulary => Up(Architecture.VocabSize, PanelRows);

    private long HeadSegments => (Architecture.VocabSize + 1023L) / 1024;

    /// <summary>Ids and positions of a packed token.</summary>
    private static long PackedIds => 2 * sizeof(int);

    private long Tape
    {
        get
        {
            long elements = QkvWidth + AttentionWidth + 2L * Architecture.IntermediateSize + Architecture.HiddenSize, floats = Architecture.Heads + 2;
            if (Architecture.QkNorm)
            {
                elements += (long)(Architecture.Heads + Architecture.KeyValueHeads) * Architecture.HeadDim;
                floats += Architecture.Heads + Architecture.KeyValueHeads;
            }

            return elements * _element + floats * sizeof(float);
        }
    }

    private long BackwardScratch =>
        (2L * Architecture.HiddenSize + 2L * Architecture.IntermediateSize + 2 * AdapterWidth + AttentionWidth + QkvWidth) * _element;

    private long ForwardScratch(bool withTape) =>
        (Architecture.HiddenSize + Architecture.IntermediateSize + AdapterWidth + (withTape ? 0 : QkvWidth + AttentionWidth + 2L * Architecture.IntermediateSize)) * _element;

    /// <summary>What a token's inputs become in the widest adapted layer: rank elements for each projection that reads them.</summary>
    private long AdapterWidth => Adapter is null ? 0 : Adapter.Layers(Architecture).Max(l => Adapter.Rank * l.Outputs.Count);

    /// <summary>Bytes of A and B in all layers; the A of projections that read the same input are one matrix.</summary>
    private long AdapterSum(bool wide) => Adapter is null ? 0
        : Architecture.Layers * Adapter.Layers(Architecture).Sum(l => Matrix((long)Adapter.Rank * l.Outputs.Count, l.Inputs, wide) + l.Outputs.Sum(rows => Matrix(rows, Adapter.Rank, wide)));

    /// <summary>Bytes of all parameters with so many [vocabulary, hidden] matrices; <paramref name="wide"/>: in the fp32 form.</summary>
    private long Sum(int vocabularyMatrices, bool wide)
    {
        ModelArchitecture a = Architecture;
        long layer = Matrix(QkvWidth, a.HiddenSize, wide) + Matrix(a.HiddenSize, AttentionWidth, wide)
            + Matrix(2L * a.IntermediateSize, a.HiddenSize, wide) + Matrix(a.HiddenSize, a.IntermediateSize, wide)
            + (2L * a.HiddenSize + (a.QkvBias ? QkvWidth : 0) + (a.QkNorm ? 2L * a.HeadDim : 0)) * sizeof(float);
        return a.Layers * layer + a.HiddenSize * sizeof(float) + vocabularyMatrices * Matrix(a.VocabSize, a.HiddenSize, wide);
    }

    private long Matrix(long rows, long columns, bool wide)
    {
        bool isNarrow = bf16 && !wide;
        return (panels ? Up(rows, PanelRows) * (isNarrow ? Up(columns, 2) : columns) : rows * columns) * (isNarrow ? 2 : 4);
    }

    private static long Up(long value, long multiple) => (value + multiple - 1) / multiple * multiple;
}
