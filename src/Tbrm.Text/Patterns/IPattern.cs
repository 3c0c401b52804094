using System;
using System.Collections.Generic;

namespace Tbrm.Text.Patterns;

/// <summary>A part of a text that a pattern matched, or that lies between two matches.</summary>
internal readonly record struct Segment(int Start, int End, bool IsMatch);

/// <summary>Finds where a text is to be cut.</summary>
internal interface IPattern
{
    /// <summary>Appends segments that cover <paramref name="text"/> (not empty) without gaps, in order; indices are
    /// relative to it.</summary>
    void FindSegments(ReadOnlySpan<char> text, List<Segment> segments);
}
