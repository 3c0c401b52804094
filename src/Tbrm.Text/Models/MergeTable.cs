using System;

namespace Tbrm.Text.Models;

/// <summary>
/// The merges of a BPE model: pair of ids -> rank, and rank -> merged id. Open addressing, because this look-up is the
/// inner loop of encoding.
/// </summary>
internal sealed class MergeTable
{
    private const ulong Empty = ulong.MaxValue;

    private readonly ulong[] _pairs;
    private readonly int[] _ranks;
    private readonly int[] _mergedIds;
    private readonly int _shift;

    /// <summary>Room for <paramref name="capacity"/> merges, of as many ranks.</summary>
    public MergeTable(int capacity)
        : this(capacity, capacity)
    {
    }

    /// <summary>Room for <paramref name="capacity"/> merges of <paramref name="ranks"/> ranks: where a token's rank is
    /// that of all pairs that make it, the leftmost pair goes first.</summary>
    public MergeTable(int capacity, int ranks)
    {
        int bits = 4;
        while ((1L << bits) < 2L * capacity)
        {
            bits++;
        }

        _pairs = new ulong[1 << bits];
        Array.Fill(_pairs, Empty);
        _ranks = new int[1 << bits];
        _mergedIds = new int[ranks];
        _shift = 64 - bits;
    }

    /// <summary>Sets the merge of one rank. A pair that was there takes the new rank, as in Hugging Face's
    /// map.</summary>
    public void Set(int left, int right, int rank, int mergedId)
    {
        ulong pair = Pair(left, right);
        int slot = Slot(pair);
        while (_pairs[slot] != Empty && _pairs[slot] != pair)
        {
            slot = (slot + 1) & (_pairs.Length - 1);
        }

        _pairs[slot] = pair;
        _ranks[slot] = rank;
        _mergedIds[rank] = mergedId;
    }

    /// <summary>The rank of a pair, or -1 when the pair does not merge.</summary>
    public int Rank(int left, int right)
    {
        ulong pair = Pair(left, right);
        ulong[] pairs = _pairs;
        int slot = Slot(pair);
        while (true)
        {
            ulong found = pairs[slot];
            if (found == pair)
            {
                return _ranks[slot];
            }

            if (found == Empty)
            {
                return -1;
            }

            slot = (slot + 1) & (pairs.Length - 1);
        }
    }

    /// <summary>What the merge of this rank gives.</summary>
    public int MergedId(int rank) => _mergedIds[rank];

    private static ulong Pair(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private int Slot(ulong pair) => (int)((pair * 0x9E3779B97F4A7C15UL) >> _shift);
}
