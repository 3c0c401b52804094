using System;
using System.Text;

namespace Tbrm.Text.PreTokenizers;

/// <summary>When Metaspace puts its mark before a text that does not start with it.</summary>
internal enum PrependScheme
{
    /// <summary>Before every piece.</summary>
    Always,

    /// <summary>Before the piece at the start of the input.</summary>
    First,

    /// <summary>Not at all.</summary>
    Never,
}

/// <summary>Several pre-tokenizers, one after the other.</summary>
internal sealed class SequencePreTokenizer(System.Collections.Generic.IReadOnlyList<PreTokenizer> steps) : PreTokenizer
{
    /// <inheritdoc/>
    public override void Apply(PreTokenized text)
    {
        foreach (PreTokenizer step in steps)
        {
            step.Apply(text);
        }
    }
}

/// <summary>Writes a mark in the place of every blank and cuts before it.</summary>
internal sealed class MetaspacePreTokenizer(Rune mark, PrependScheme scheme, bool split) : PreTokenizer
{
    private readonly string _mark = mark.ToString();
    private readonly SplitPreTokenizer _words = new(new LiteralPattern(mark.ToString()), SplitBehavior.MergedWithNext);

    /// <inheritdoc/>
    public override void Apply(PreTokenized text)
    {
        bool first = text.StartsInput;
        ByteLevelPreTokenizer.Rewrite(text, (piece, output) =>
        {
            string marked = piece.ToString().Replace(" ", _mark, StringComparison.Ordinal);
            if ((scheme == PrependScheme.Always || (scheme == PrependScheme.First && first))
                && !marked.StartsWith(_mark, StringComparison.Ordinal))
            {
                output.Append(_mark);
            }

            first = false;
            output.Append(marked);
        });
        if (split)
        {
            _words.Apply(text);
        }
    }
}
