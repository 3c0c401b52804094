using System;
using System.Buffers;
using System.Collections.Generic;

namespace Tbrm.Text.Tokenizers;

/// <summary>Finds which of a fixed set of strings stands leftmost in a text, and of those the longest.</summary>
internal sealed class TokenTrie
{
    private readonly Dictionary<(int Node, char Unit), int> _edges = [];
    private readonly List<int> _ids = [-1];
    private readonly SearchValues<char> _firstUnits;

    /// <summary>A trie over (text, id). Of two equal texts the last one counts. No text is empty.</summary>
    public TokenTrie(IEnumerable<(string Text, int Id)> tokens)
    {
        HashSet<char> firstUnits = [];
        foreach ((string text, int id) in tokens)
        {
            firstUnits.Add(text[0]);
            int node = 0;
            foreach (char unit in text)
            {
                if (!_edges.TryGetValue((node, unit), out int next))
                {
                    next = _ids.Count;
                    _ids.Add(-1);
                    _edges.Add((node, unit), next);
                }

                node = next;
            }

            _ids[node] = id;
        }

        _firstUnits = SearchValues.Create([.. firstUnits]);
    }

    /// <summary>The next match at or after <paramref name="from"/>; false when there is none.</summary>
    public bool TryFind(ReadOnlySpan<char> text, int from, out int start, out int end, out int id)
    {
        for (start = from; start < text.Length; start++)
        {
            int skip = text[start..].IndexOfAny(_firstUnits);
            if (skip < 0)
            {
                break;
            }

            start += skip;
            if (Longest(text, start, out end, out id))
            {
                return true;
            }
        }

        (end, id) = (0, -1);
        return false;
    }

    private bool Longest(ReadOnlySpan<char> text, int start, out int end, out int id)
    {
        (end, id) = (start, -1);
        int node = 0;
        for (int i = start; i < text.Length && _edges.TryGetValue((node, text[i]), out node); i++)
        {
            if (_ids[node] >= 0)
            {
                (end, id) = (i + 1, _ids[node]);
            }
        }

        return id >= 0;
    }
}
