using System;
using System.Collections.Generic;
using System.Linq;

namespace Tbrm.Core.Prompts;

/// <summary>Rows that were left out, by reason.</summary>
public sealed class LeftOutCounts
{
    private readonly Dictionary<string, (long Count, string First)> _byReason = new(StringComparer.Ordinal);

    /// <summary>How many in all.</summary>
    public long Total => _byReason.Values.Sum(entry => entry.Count);

    /// <summary>Counts one.</summary>
    /// <param name="reason">The same words for all rows of a kind.</param>
    /// <param name="where">The row's place.</param>
    public void Add(string reason, string where)
    {
        _byReason[reason] = _byReason.TryGetValue(reason, out (long Count, string First) known)
            ? (known.Count + 1, known.First) : (1, where);
    }

    /// <summary>Adds those of another count.</summary>
    public void Add(LeftOutCounts other)
    {
        ArgumentNullException.ThrowIfNull(other);
        foreach ((string reason, (long count, string first)) in other._byReason)
        {
            _byReason[reason] = _byReason.TryGetValue(reason, out (long Count, string First) known)
                ? (known.Count + count, known.First) : (count, first);
        }
    }

    /// <summary>The most frequent reasons first: <c>3 whose 'images' ... (the first: file:2)</c>.</summary>
    public override string ToString()
    {
        const int Shown = 12;
        IEnumerable<string> parts = _byReason.OrderByDescending(entry => entry.Value.Count)
            .ThenBy(entry => entry.Key, StringComparer.Ordinal)
            .Select(entry => $"{entry.Value.Count}: {entry.Key} (the first: {entry.Value.First})");
        return string.Join("; ", parts.Take(Shown))
            + (_byReason.Count > Shown ? $"; and {_byReason.Count - Shown} more kinds" : "");
    }
}
