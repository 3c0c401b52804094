using System;

namespace Tbrm.Interop.Stages;

/// <summary>
/// tbrm_batch_t: packed sequences and the rows to be scored. Row r reads the hidden state of packed token
/// <c>Rows[r]</c> and scores
/// <c>Labels[r]</c>.
/// </summary>
public readonly ref struct PackedRows
{
    /// <summary>Token ids, all sequences end to end, [N].</summary>
    public required ReadOnlySpan<int> Ids { get; init; }

    /// <summary>Where each sequence begins, and N, [B+1].</summary>
    public required ReadOnlySpan<long> Offsets { get; init; }

    /// <summary>Packed indices of the hidden states to be scored, ascending, [R].</summary>
    public required ReadOnlySpan<long> Rows { get; init; }

    /// <summary>The token scored at each row, [R].</summary>
    public required ReadOnlySpan<int> Labels { get; init; }

    /// <summary>z = logit / temperature.</summary>
    public required float Temperature { get; init; }

    internal void Check()
    {
        if (Offsets.Length < 1 || Offsets[^1] != Ids.Length || Rows.Length != Labels.Length)
        {
            throw new ArgumentException(
                $"a batch needs offsets[B+1] ending at N and rows[R] with labels[R]; found {Offsets.Length} offsets "
                    + $"ending at "
                + $"{(Offsets.Length > 0 ? Offsets[^1] : -1)}, {Ids.Length} ids, {Rows.Length} rows, {Labels.Length} "
                + $"labels");
        }
    }
}
