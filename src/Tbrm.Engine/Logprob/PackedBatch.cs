using System;
using System.Collections.Generic;
using Tbrm.Interop.Stages;

namespace Tbrm.Engine.Logprob;

/// <summary>A sequence to be scored: a prompt, and the tokens after it that are scored.</summary>
/// <param name="Prompt">Token ids that are read but not scored. At least one.</param>
/// <param name="Response">Token ids that are scored, but for those that <see cref="Mask"/> leaves out.</param>
/// <param name="Bootstrap">Adds a row for the state after the last token, whose V is of interest and whose Q is
/// not.</param>
public readonly record struct ScoredSequence(ReadOnlyMemory<int> Prompt, ReadOnlyMemory<int> Response,
    bool Bootstrap = false)
{
    /// <summary>One flag per response token, true where it is scored; empty when all are. For conversations of several
    /// turns.</summary>
    public ReadOnlyMemory<bool> Mask { get; init; }

    /// <summary>Tokens of the sequence.</summary>
    public int Length => Prompt.Length + Response.Length;

    /// <summary>Rows that it scores.</summary>
    public int Rows => (Mask.IsEmpty ? Response.Length : Mask.Span.Count(true)) + (Bootstrap ? 1 : 0);

    internal bool IsScored(int position) => Mask.IsEmpty || position >= Mask.Length || Mask.Span[position];
}

/// <summary>Sequences end to end, without padding, and the rows that are scored: what tbrm_batch_t wants.</summary>
public sealed class PackedBatch
{
    private readonly int[] _ids;
    private readonly long[] _offsets;
    private readonly long[] _rows;
    private readonly int[] _labels;

    /// <summary>Packs sequences in order.</summary>
    public PackedBatch(IReadOnlyList<ScoredSequence> sequences)
    {
        int tokens = 0, rows = 0;
        foreach (ScoredSequence s in sequences)
        {
            if (s.Prompt.Length == 0)
            {
                throw new ArgumentException(
                    "a sequence needs at least one prompt token: nothing predicts its first token");
            }

            if (!s.Mask.IsEmpty && s.Mask.Length != s.Response.Length)
            {
                throw new ArgumentException(
                    $"a mask of {s.Mask.Length} flags does not belong to a response of {s.Response.Length} tokens");
            }

            tokens += s.Length;
            rows += s.Rows;
        }

        (_ids, _rows, _labels) = (new int[tokens], new long[rows], new int[rows]);
        _offsets = new long[sequences.Count + 1];
        RowOffsets = new long[sequences.Count + 1];
        int token = 0, row = 0;
        for (int b = 0; b < sequences.Count; b++)
        {
            ScoredSequence s = sequences[b];
            s.Prompt.Span.CopyTo(_ids.AsSpan(token));
            token += s.Prompt.Length;
            ReadOnlySpan<int> response = s.Response.Span;
            for (int h = 0; h < response.Length + (s.Bootstrap ? 1 : 0); h++)
            {
                if (!s.IsScored(h))
                {
                    continue;
                }

                // Row h is predicted by the token before it; the bootstrap row has no label, and its Q is not used.
                _rows[row] = token + h - 1;
                _labels[row++] = h < response.Length ? response[h] : 0;
            }

            response.CopyTo(_ids.AsSpan(token));
            token += response.Length;
            _offsets[b + 1] = token;
            RowOffsets[b + 1] = row;
        }
    }

    private PackedBatch(int[] ids, long[] offsets, long[] rows, int[] labels, long[] rowOffsets) =>
        (_ids, _offsets, _rows, _labels, RowOffsets) = (ids, offsets, rows, labels, rowOffsets);

    /// <summary>The batch of these arrays, which another process packed.</summary>
    /// <param name="ids"><see cref="Ids"/>.</param>
    /// <param name="offsets"><see cref="Offsets"/>.</param>
    /// <param name="rows"><see cref="Rows"/>.</param>
    /// <param name="labels"><see cref="Labels"/>.</param>
    /// <param name="rowOffsets"><see cref="RowOffsets"/>.</param>
    public static PackedBatch Of(int[] ids, long[] offsets, long[] rows, int[] labels, long[] rowOffsets) =>
        new(ids, offsets, rows, labels, rowOffsets);

    /// <summary>Sequence b is tokens [Offsets[b], Offsets[b+1]).</summary>
    public ReadOnlySpan<long> Offsets => _offsets;

    /// <summary>Sequence b owns rows [RowOffsets[b], RowOffsets[b+1]).</summary>
    public long[] RowOffsets { get; }

    /// <summary>Token ids of all sequences, end to end, [N].</summary>
    public ReadOnlySpan<int> Ids => _ids;

    /// <summary>The packed token that predicts each row's token, [R].</summary>
    public ReadOnlySpan<long> Rows => _rows;

    /// <summary>The token that each row scores, [R]; 0 on bootstrap rows.</summary>
    public ReadOnlySpan<int> Labels => _labels;

    /// <summary>R.</summary>
    public int RowCount => _rows.Length;

    /// <summary>N.</summary>
    public int TokenCount => _ids.Length;

    /// <summary>B.</summary>
    public int SequenceCount => _offsets.Length - 1;

    /// <summary>Tokens of sequence <paramref name="b"/>.</summary>
    public int LengthOf(int b) => (int)(_offsets[b + 1] - _offsets[b]);

    /// <summary>The rows of some consecutive sequences.</summary>
    public Range RowsOf(Range sequences) =>
        (int)RowOffsets[sequences.Start.Value]..(int)RowOffsets[sequences.End.Value];

    /// <summary>Some consecutive sequences as a batch of their own.</summary>
    public PackedBatch Part(Range sequences)
    {
        int first = sequences.Start.Value, end = sequences.End.Value;
        long token = _offsets[first], row = RowOffsets[first];
        Range rows = RowsOf(sequences);
        return new(
            _ids[(int)token..(int)_offsets[end]],
            Array.ConvertAll(_offsets[first..(end + 1)], o => o - token),
            Array.ConvertAll(_rows[rows], r => r - token),
            _labels[rows],
            Array.ConvertAll(RowOffsets[first..(end + 1)], o => o - row));
    }

    internal PackedRows Native(float temperature) => new()
    {
        Ids = _ids,
        Offsets = _offsets,
        Rows = _rows,
        Labels = _labels,
        Temperature = temperature,
    };
}
