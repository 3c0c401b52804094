using System;
using System.Collections.Generic;

namespace Tbrm.Text.Models;

/// <summary>
/// Words already encoded by one thread. Bounded: when the table or an arena is full everything is forgotten, which
/// costs
/// less than keeping books on what was used last.
/// </summary>
internal sealed class WordCache
{
    /// <summary>Longer words are not kept: they are rare, and a text of them would push the others out.</summary>
    public const int MaxWordLength = 64;

    private const int MaxWords = 1 << 16;

    private readonly record struct Entry(int Hash, int WordStart, int WordLength, int IdsStart, int IdsLength);

    private int[] _slots = new int[1 << 12];
    private Entry[] _entries = new Entry[1 << 11];
    private char[] _words = new char[1 << 14];
    private int[] _ids = new int[1 << 13];
    private int _count;
    private int _wordsUsed;
    private int _idsUsed;

    /// <summary>Appends the ids of <paramref name="word"/> when they are known.</summary>
    public bool TryAppend(ReadOnlySpan<char> word, int hash, List<int> ids)
    {
        int mask = _slots.Length - 1;
        for (int slot = hash & mask; _slots[slot] != 0; slot = (slot + 1) & mask)
        {
            Entry entry = _entries[_slots[slot] - 1];
            if (entry.Hash == hash && word.SequenceEqual(_words.AsSpan(entry.WordStart, entry.WordLength)))
            {
                ids.AddRange(_ids.AsSpan(entry.IdsStart, entry.IdsLength));
                return true;
            }
        }

        return false;
    }

    /// <summary>Remembers the ids of a word that is not in the table yet.</summary>
    public void Add(ReadOnlySpan<char> word, int hash, ReadOnlySpan<int> ids)
    {
        if (_count == _entries.Length)
        {
            Grow();
        }

        word.CopyTo(Reserve(ref _words, ref _wordsUsed, word.Length));
        ids.CopyTo(Reserve(ref _ids, ref _idsUsed, ids.Length));
        _entries[_count++] = new Entry(hash, _wordsUsed - word.Length, word.Length, _idsUsed - ids.Length, ids.Length);
        Insert(hash, _count);
    }

    private static Span<T> Reserve<T>(ref T[] arena, ref int used, int length)
    {
        if (used + length > arena.Length)
        {
            Array.Resize(ref arena, Math.Max(used + length, 2 * arena.Length));
        }

        used += length;
        return arena.AsSpan(used - length, length);
    }

    private void Grow()
    {
        if (_count >= MaxWords)
        {
            Array.Clear(_slots);
            (_count, _wordsUsed, _idsUsed) = (0, 0, 0);
            return;
        }

        Array.Resize(ref _entries, 2 * _entries.Length);
        _slots = new int[2 * _slots.Length];
        for (int i = 0; i < _count; i++)
        {
            Insert(_entries[i].Hash, i + 1);
        }
    }

    private void Insert(int hash, int entryNumber)
    {
        int mask = _slots.Length - 1;
        int slot = hash & mask;
        while (_slots[slot] != 0)
        {
            slot = (slot + 1) & mask;
        }

        _slots[slot] = entryNumber;
    }
}
