using System;

namespace Tbrm.Text.Models;

/// <summary>
/// Merges the symbols of one word: always the pair of lowest rank, leftmost on ties. Short words are scanned; long ones
/// use
/// a heap, so that a megabyte of one letter costs n log n. One instance per thread; its buffers are reused.
/// </summary>
internal sealed class BpeMerger
{
    /// <summary>Up to this many symbols the scan beats the heap.</summary>
    private const int ScanLimit = 24;

    private readonly MergeTable _merges;
    private int[] _next = new int[64];
    private int[] _previous = new int[64];
    private ulong[] _heap = new ulong[64];
    private int _heapCount;

    /// <summary>A merger for one model.</summary>
    public BpeMerger(MergeTable merges)
    {
        _merges = merges;
    }

    /// <summary>Merges <paramref name="symbols"/> in place and returns how many are left at its front.</summary>
    public int Merge(Span<int> symbols) => symbols.Length <= ScanLimit ? MergeByScan(symbols) : MergeByHeap(symbols);

    private int MergeByScan(Span<int> symbols)
    {
        int count = symbols.Length;
        Span<int> ranks = stackalloc int[ScanLimit];
        for (int i = 0; i + 1 < count; i++)
        {
            ranks[i] = _merges.Rank(symbols[i], symbols[i + 1]);
        }

        while (true)
        {
            int best = -1;
            uint bestRank = uint.MaxValue;
            for (int i = 0; i + 1 < count; i++)
            {
                if ((uint)ranks[i] < bestRank)
                {
                    bestRank = (uint)ranks[i];
                    best = i;
                }
            }

            if (best < 0)
            {
                return count;
            }

            symbols[best] = _merges.MergedId((int)bestRank);
            symbols[(best + 2)..count].CopyTo(symbols[(best + 1)..]);
            ranks[(best + 2)..count].CopyTo(ranks[(best + 1)..]);
            count--;
            if (best > 0)
            {
                ranks[best - 1] = _merges.Rank(symbols[best - 1], symbols[best]);
            }

            if (best + 1 < count)
            {
                ranks[best] = _merges.Rank(symbols[best], symbols[best + 1]);
            }
        }
    }

    private int MergeByHeap(Span<int> symbols)
    {
        Link(symbols.Length);
        _heapCount = 0;
        for (int i = 0; i + 1 < symbols.Length; i++)
        {
            PushPair(symbols, i, i + 1);
        }

        while (_heapCount > 0)
        {
            ulong top = Pop();
            int rank = (int)(top >> 32);
            int left = (int)(top & uint.MaxValue);
            int right = symbols[left] < 0 ? -1 : _next[left];
            if (right < 0)
            {
                continue;
            }

            // An entry is stale when its pair has changed meanwhile; like Hugging Face, ask what the pair gives now.
            int current = _merges.Rank(symbols[left], symbols[right]);
            if (current < 0 || _merges.MergedId(current) != _merges.MergedId(rank))
            {
                continue;
            }

            Join(symbols, left, right, _merges.MergedId(rank));
        }

        return Compact(symbols);
    }

    private void Join(Span<int> symbols, int left, int right, int mergedId)
    {
        symbols[left] = mergedId;
        symbols[right] = -1;
        int after = _next[right];
        _next[left] = after;
        if (after >= 0)
        {
            _previous[after] = left;
            PushPair(symbols, left, after);
        }

        if (_previous[left] >= 0)
        {
            PushPair(symbols, _previous[left], left);
        }
    }

    private void PushPair(Span<int> symbols, int left, int right)
    {
        int rank = _merges.Rank(symbols[left], symbols[right]);
        if (rank >= 0)
        {
            Push(((ulong)(uint)rank << 32) | (uint)left);
        }
    }

    private void Link(int count)
    {
        if (_next.Length < count)
        {
            _next = new int[Math.Max(count, 2 * _next.Length)];
            _previous = new int[_next.Length];
        }

        for (int i = 0; i < count; i++)
        {
            _next[i] = i + 1;
            _previous[i] = i - 1;
        }

        _next[count - 1] = -1;
    }

    private static int Compact(Span<int> symbols)
    {
        int count = 0;
        foreach (int symbol in symbols)
        {
            if (symbol >= 0)
            {
                symbols[count++] = symbol;
            }
        }

        return count;
    }

    private void Push(ulong entry)
    {
        if (_heapCount == _heap.Length)
        {
            Array.Resize(ref _heap, 2 * _heap.Length);
        }

        int slot = _heapCount++;
        while (slot > 0)
        {
            int parent = (slot - 1) >> 2;
            if (_heap[parent] <= entry)
            {
                break;
            }

            _heap[slot] = _heap[parent];
            slot = parent;
        }

        _heap[slot] = entry;
    }

    private ulong Pop()
    {
        ulong top = _heap[0];
        ulong moved = _heap[--_heapCount];
        int slot = 0;
        while (true)
        {
            int first = (slot << 2) + 1;
            if (first >= _heapCount)
            {
                break;
            }

            int least = first;
            int end = Math.Min(first + 4, _heapCount);
            for (int child = first + 1; child < end; child++)
            {
                if (_heap[child] < _heap[least])
                {
                    least = child;
                }
            }

            if (moved <= _heap[least])
            {
                break;
            }

            _heap[slot] = _heap[least];
            slot = least;
        }

        _heap[slot] = moved;
        return top;
    }
}
