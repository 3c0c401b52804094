using System.Collections.Generic;
using Tbrm.Text.Patterns;

namespace Tbrm.Text.PreTokenizers;

/// <summary>What becomes of the matches of a Split.</summary>
internal enum SplitBehavior
{
    /// <summary>Dropped.</summary>
    Removed,

    /// <summary>A piece each.</summary>
    Isolated,

    /// <summary>The end of the piece before.</summary>
    MergedWithPrevious,

    /// <summary>The start of the piece after.</summary>
    MergedWithNext,

    /// <summary>Runs of adjacent matches are one piece.</summary>
    Contiguous,
}

/// <summary>Cuts every piece at the matches of a pattern.</summary>
internal sealed class SplitPreTokenizer(IPattern pattern, SplitBehavior behavior, bool invert = false) : PreTokenizer
{
    /// <inheritdoc/>
    public override void Apply(PreTokenized text)
    {
        foreach (Piece piece in text.Pieces)
        {
            text.Segments.Clear();
            pattern.FindSegments(text.Span(piece), text.Segments);
            Cut(text.Segments, piece.Start, text.NewPieces);
        }

        text.Replace(text.Text);
    }

    private void Cut(List<Segment> segments, int offset, List<Piece> pieces)
    {
        int first = pieces.Count;
        bool previousMatch = false;
        if (behavior == SplitBehavior.MergedWithNext)
        {
            CutFromTheEnd(segments, offset, pieces);
            return;
        }

        foreach (Segment segment in segments)
        {
            bool isMatch = segment.IsMatch != invert;
            bool append = behavior switch
            {
                SplitBehavior.Contiguous => isMatch == previousMatch,
                SplitBehavior.MergedWithPrevious => isMatch && !previousMatch,
                _ => false,
            };
            previousMatch = isMatch;
            if (append && pieces.Count > first)
            {
                pieces[^1] = pieces[^1] with { End = offset + segment.End };
            }
            else if (segment.End > segment.Start && !(isMatch && behavior == SplitBehavior.Removed))
            {
                pieces.Add(new Piece(offset + segment.Start, offset + segment.End));
            }
        }
    }

    private void CutFromTheEnd(List<Segment> segments, int offset, List<Piece> pieces)
    {
        int first = pieces.Count;
        bool previousMatch = false;
        for (int i = segments.Count - 1; i >= 0; i--)
        {
            Segment segment = segments[i];
            bool isMatch = segment.IsMatch != invert;
            bool append = isMatch && !previousMatch;
            previousMatch = isMatch;
            if (append && pieces.Count > first)
            {
                pieces[^1] = pieces[^1] with { Start = offset + segment.Start };
            }
            else if (segment.End > segment.Start)
            {
                pieces.Add(new Piece(offset + segment.Start, offset + segment.End));
            }
        }

        pieces.Reverse(first, pieces.Count - first);
    }
}
