using System.Collections.Generic;

namespace Tbrm.Text.Patterns;

/// <summary>A part of a regular expression.</summary>
internal abstract record RegexNode;

/// <summary>One character of a set.</summary>
internal sealed record SetNode(RuneSet Set) : RegexNode;

/// <summary>One after the other.</summary>
internal sealed record SequenceNode(IReadOnlyList<RegexNode> Items) : RegexNode;

/// <summary>The first that lets the rest match.</summary>
internal sealed record AlternativesNode(IReadOnlyList<RegexNode> Items) : RegexNode;

/// <summary>How a repetition gives back what it took.</summary>
internal enum RepeatMode
{
    /// <summary>As many as possible first.</summary>
    Greedy,

    /// <summary>As few as possible first.</summary>
    Lazy,

    /// <summary>As many as possible, and none is given back.</summary>
    Possessive,
}

/// <summary>Between min and max times; a negative max is no bound.</summary>
internal sealed record RepeatNode(RegexNode Item, int Min, int Max, RepeatMode Mode) : RegexNode;

/// <summary>Matches without taking anything, ahead or behind.</summary>
internal sealed record LookNode(RegexNode Item, bool Behind, bool Negate) : RegexNode;

/// <summary>Once matched, never tried another way.</summary>
internal sealed record AtomicNode(RegexNode Item) : RegexNode;

/// <summary>What holds at a place between characters.</summary>
internal enum AnchorKind
{
    /// <summary>^: after a line feed, or at the start.</summary>
    LineStart,

    /// <summary>$: before a line feed, or at the end.</summary>
    LineEnd,

    /// <summary>\A</summary>
    TextStart,

    /// <summary>\z</summary>
    TextEnd,

    /// <summary>\Z: at the end, or before a line feed there.</summary>
    TextEndOrNewline,

    /// <summary>\b</summary>
    WordBoundary,

    /// <summary>\B</summary>
    NoWordBoundary,
}

/// <summary>A place between characters.</summary>
internal sealed record AnchorNode(AnchorKind Kind) : RegexNode;
