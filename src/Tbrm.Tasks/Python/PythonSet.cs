using System;
using System.Collections;
using System.Collections.Generic;
using System.Numerics;

namespace Tbrm.Tasks.Python;

/// <summary>
/// CPython's <c>set</c> with the order in which it is iterated (<c>Objects/setobject.c</c>, 3.10 to 3.13): open
/// addressing in a table of
/// 2^n slots, runs of ten linear probes, then a jump by the perturbed hash; grown when three fifths full. Only
/// additions.
/// </summary>
internal sealed class PythonSet<T> : IEnumerable<T>
    where T : notnull
{
    private const int SmallestTable = 8;
    private const int LinearProbes = 9;
    private const int PerturbShift = 5;
    private const int LargeSet = 50_000;

    private readonly Func<T, long> _hash;
    private Entry[] _table = new Entry[SmallestTable];

    /// <summary>An empty set of elements hashed as Python would.</summary>
    public PythonSet(Func<T, long> hash)
    {
        _hash = hash;
    }

    /// <summary>How many elements there are.</summary>
    public int Count { get; private set; }

    /// <summary>Adds an element unless there is an equal one.</summary>
    public void Add(T item)
    {
        long hash = _hash(item);
        int slot = FindSlot(_table, item, hash);
        if (_table[slot].Used)
        {
            return;
        }

        _table[slot] = new Entry(item, hash, true);
        Count++;
        int mask = _table.Length - 1;
        if ((long)Count * 5 >= (long)mask * 3)
        {
            Grow(Count > LargeSet ? Count * 2 : Count * 4);
        }
    }

    /// <summary>Whether there is an equal element.</summary>
    public bool Contains(T item)
    {
        return _table[FindSlot(_table, item, _hash(item))].Used;
    }

    /// <inheritdoc/>
    public IEnumerator<T> GetEnumerator()
    {
        foreach (Entry entry in _table)
        {
            if (entry.Used)
            {
                yield return entry.Item;
            }
        }
    }

    IEnumerator IEnumerable.GetEnumerator()
    {
        return GetEnumerator();
    }

    private void Grow(int atLeast)
    {
        int size = SmallestTable;
        while (size <= atLeast)
        {
            size <<= 1;
        }

        Entry[] larger = new Entry[size];
        foreach (Entry entry in _table)
        {
            if (entry.Used)
            {
                larger[FindSlot(larger, entry.Item, entry.Hash)] = entry;
            }
        }

        _table = larger;
    }

    /// <summary>The slot that holds an equal element, or the free one where it belongs.</summary>
    private static int FindSlot(Entry[] table, T item, long hash)
    {
        ulong mask = (ulong)table.Length - 1;
        ulong perturb = (ulong)hash;
        ulong slot = perturb & mask;
        while (true)
        {
            int probes = slot + LinearProbes <= mask ? LinearProbes : 0;
            for (int i = 0; i <= probes; i++)
            {
                ref Entry entry = ref table[slot + (ulong)i];
                if (!entry.Used || (entry.Hash == hash && EqualityComparer<T>.Default.Equals(entry.Item, item)))
                {
                    return (int)slot + i;
                }
            }

            perturb >>= PerturbShift;
            slot = ((slot * 5) + 1 + perturb) & mask;
        }
    }

    private record struct Entry(T Item, long Hash, bool Used);
}

/// <summary>CPython's hashes, which do not change from run to run (those of texts do, and none is needed).</summary>
internal static class PythonHash
{
    private const ulong Prime1 = 11400714785074694791;
    private const ulong Prime2 = 14029467366897019727;
    private const ulong Prime5 = 2870177450012600261;

    /// <summary><c>hash(value)</c> of an integer below 2^61 - 1 in magnitude.</summary>
    public static long OfInteger(long value)
    {
        return value == -1 ? -2 : value;
    }

    /// <summary><c>hash((first, second))</c> from the elements' hashes: xxHash's mixing of 64-bit lanes.</summary>
    public static long OfPair(long first, long second)
    {
        ulong accumulator = Mix(Mix(Prime5, (ulong)first), (ulong)second);
        accumulator += 2 ^ (Prime5 ^ 3527539);
        return accumulator == ulong.MaxValue ? 1546275796 : (long)accumulator;
    }

    private static ulong Mix(ulong accumulator, ulong lane)
    {
        return BitOperations.RotateLeft(accumulator + (lane * Prime2), 31) * Prime1;
    }
}
