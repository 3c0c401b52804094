using System;
using System.Collections.Generic;
using Tbrm.Text.Normalizers;
using Tbrm.Text.Patterns;

namespace Tbrm.Text.PreTokenizers;

/// <summary>A part of a text: from <paramref name="Start"/> to before <paramref name="End"/>, in UTF-16
/// units.</summary>
internal readonly record struct Piece(int Start, int End);

/// <summary>A text on its way through the pre-tokenizers: each step cuts its pieces further or rewrites the
/// text.</summary>
internal sealed class PreTokenized
{
    private int _originalLength;

    /// <summary>The text that the pieces are parts of.</summary>
    public string Text { get; private set; } = "";

    /// <summary>The text stands at the very start of the input: Metaspace's "first" asks.</summary>
    public bool StartsInput { get; private set; }

    /// <summary>The words are to be encoded as bytes: set by a ByteLevel that comes last.</summary>
    public bool AsBytes { get; set; }

    /// <summary>The pieces so far, in order, none empty.</summary>
    public List<Piece> Pieces { get; private set; } = [];

    /// <summary>Where a step writes the pieces that it makes, before <see cref="Replace"/>.</summary>
    public List<Piece> NewPieces { get; private set; } = [];

    /// <summary>A buffer for the segments of one piece.</summary>
    public List<Segment> Segments { get; } = [];

    /// <summary>Starts over with one piece.</summary>
    public void Reset(string text, bool startsInput)
    {
        Text = text;
        _originalLength = text.Length;
        StartsInput = startsInput;
        AsBytes = false;
        Pieces.Clear();
        if (text.Length > 0)
        {
            Pieces.Add(new Piece(0, text.Length));
        }
    }

    /// <summary>Puts the new pieces, of <paramref name="text"/>, in the place of the old ones.</summary>
    public void Replace(string text)
    {
        TextGrowth.Require(text.Length, _originalLength);
        Text = text;
        (Pieces, NewPieces) = (NewPieces, Pieces);
        NewPieces.Clear();
    }

    /// <summary>The characters of a piece.</summary>
    public ReadOnlySpan<char> Span(Piece piece) => Text.AsSpan(piece.Start, piece.End - piece.Start);
}

/// <summary>One step between the normalizer and the model.</summary>
internal abstract class PreTokenizer
{
    /// <summary>Cuts or rewrites every piece.</summary>
    public abstract void Apply(PreTokenized text);
}
