using System;
using Tbrm.Text.PreTokenizers;

namespace Tbrm.Text.Models;

/// <summary>What one thread needs while it encodes: word caches, the merger and buffers. Reused, never
/// shared.</summary>
internal sealed class BpeScratch(TokenModel model)
{
    /// <summary>Words encoded as bytes.</summary>
    public WordCache ByteWords { get; } = new();

    /// <summary>Words encoded as characters.</summary>
    public WordCache CharWords { get; } = new();

    /// <summary>The merger with its heap.</summary>
    public BpeMerger Merger { get; } = new(model.Merges);

    /// <summary>The pieces of the text between two added tokens.</summary>
    public PreTokenized Pieces { get; } = new();

    /// <summary>A word in UTF-8.</summary>
    public byte[] Utf8 { get; private set; } = new byte[256];

    /// <summary>The symbols of a word.</summary>
    public int[] Symbols { get; private set; } = new int[256];

    /// <summary>Makes room for a word of <paramref name="count"/> bytes or symbols.</summary>
    public void Reserve(int count)
    {
        if (Symbols.Length < count)
        {
            Symbols = new int[Math.Max(count, 2 * Symbols.Length)];
            Utf8 = new byte[Symbols.Length];
        }
    }
}
