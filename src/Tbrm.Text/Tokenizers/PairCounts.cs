using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Text.PreTokenizers;

namespace Tbrm.Text.Tokenizers;

/// <summary>The words of a training text as symbols, and how often each pair of neighbours occurs in them.</summary>
internal sealed class PairCounts
{
    private readonly List<string> _tokens = [];
    private readonly Dictionary<string, int> _ids = [];
    private readonly List<(List<int> Symbols, long Count)> _words = [];
    private readonly Dictionary<(int Left, int Right), long> _counts = [];
    private readonly Dictionary<(int Left, int Right), HashSet<int>> _wordsOf = [];

    // Largest count first, then lowest ids. Entries whose count has changed meanwhile are put back with the new one.
    private readonly PriorityQueue<(int Left, int Right), (long, int, int)> _queue = new();

    /// <summary>Starts with every word as a sequence of byte characters.</summary>
    public PairCounts(IReadOnlyDictionary<string, long> words)
    {
        foreach (char c in ByteAlphabet.Characters)
        {
            Id(c.ToString());
        }

        foreach ((string word, long count) in words.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            List<int> symbols = [.. word.Select(c => _ids[c.ToString()])];
            _words.Add((symbols, count));
            for (int i = 0; i + 1 < symbols.Count; i++)
            {
                Change((symbols[i], symbols[i + 1]), count, _words.Count - 1);
            }
        }

        foreach ((int Left, int Right) pair in _counts.Keys)
        {
            Enqueue(pair);
        }
    }

    /// <summary>Merges the best pair everywhere and names it; false when no pair occurs at least so often.</summary>
    public bool TryTakeBest(long minFrequency, out string left, out string right)
    {
        while (_queue.TryDequeue(out (int Left, int Right) pair, out (long Count, int, int) priority))
        {
            long count = _counts[pair];
            if (count != -priority.Count)
            {
                Enqueue(pair);
                continue;
            }

            if (count < Math.Max(1, minFrequency))
            {
                break;
            }

            (left, right) = (_tokens[pair.Left], _tokens[pair.Right]);
            Merge(pair, Id(left + right));
            return true;
        }

        (left, right) = ("", "");
        return false;
    }

    private int Id(string token)
    {
        if (!_ids.TryGetValue(token, out int id))
        {
            id = _tokens.Count;
            _ids.Add(token, id);
            _tokens.Add(token);
        }

        return id;
    }

    private void Enqueue((int Left, int Right) pair)
    {
        if (_counts[pair] > 0)
        {
            _queue.Enqueue(pair, (-_counts[pair], pair.Left, pair.Right));
        }
    }

    private void Change((int Left, int Right) pair, long by, int word)
    {
        _counts[pair] = _counts.GetValueOrDefault(pair) + by;
        if (by > 0)
        {
            if (!_wordsOf.TryGetValue(pair, out HashSet<int>? words))
            {
                _wordsOf.Add(pair, words = []);
            }

            words.Add(word);
        }
    }

    private void Merge((int Left, int Right) pair, int merged)
    {
        HashSet<(int, int)> grown = [];
        foreach (int word in _wordsOf[pair])
        {
            (List<int> symbols, long count) = _words[word];
            for (int i = 0; i + 1 < symbols.Count; i++)
            {
                if (symbols[i] != pair.Left || symbols[i + 1] != pair.Right)
                {
                    continue;
                }

                Replace(symbols, i, merged, count, word, grown);
            }
        }

        _counts[pair] = 0;
        _wordsOf.Remove(pair);
        foreach ((int, int) changed in grown)
        {
            Enqueue(changed);
        }
    }

    private void Replace(List<int> symbols, int index, int merged, long count, int word, HashSet<(int, int)> grown)
    {
        if (index > 0)
        {
            Change((symbols[index - 1], symbols[index]), -count, word);
            Change((symbols[index - 1], merged), count, word);
            grown.Add((symbols[index - 1], merged));
        }

        if (index + 2 < symbols.Count)
        {
            Change((symbols[index + 1], symbols[index + 2]), -count, word);
            Change((merged, symbols[index + 2]), count, word);
            grown.Add((merged, symbols[index + 2]));
        }

        symbols[index] = merged;
        symbols.RemoveAt(index + 1);
    }
}
