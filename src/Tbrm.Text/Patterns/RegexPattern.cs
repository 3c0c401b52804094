using System;
using System.Collections.Generic;
using Tbrm.Core.Errors;

namespace Tbrm.Text.Patterns;

/// <summary>Any other regular expression, interpreted over whole code points.</summary>
internal sealed class RegexPattern : IPattern
{
    private readonly string _pattern;
    private readonly RegexProgram _program;

    /// <summary>Reads a pattern.</summary>
    /// <exception cref="FormatException">It is malformed, or uses what is not supported.</exception>
    public RegexPattern(string pattern)
    {
        _pattern = pattern;
        _program = RegexProgram.Compile(RegexParser.Parse(pattern));
    }

    /// <inheritdoc/>
    public void FindSegments(ReadOnlySpan<char> text, List<Segment> segments)
    {
        // Enough for any pattern that reads each character a bounded number of times; what needs more would take hours.
        RegexMatcher matcher = new(text, 10_000_000 + (1000L * text.Length));
        int previous = 0;
        int lastEnd = -1;
        try
        {
            for (int start = 0; start <= text.Length;)
            {
                int end = matcher.Match(_program, start);
                if (end < 0 || (end == start && start == lastEnd))
                {
                    // An empty match right after a match does not count.
                    start += start + 1 < text.Length && char.IsSurrogatePair(text[start], text[start + 1]) ? 2 : 1;
                    continue;
                }

                if (previous != start)
                {
                    segments.Add(new Segment(previous, start, false));
                }

                segments.Add(new Segment(start, end, true));
                (previous, lastEnd, start) = (end, end, end);
            }
        }
        catch (TimeoutException e)
        {
            throw new DataException($"the pattern {_pattern} takes too long on a text of {text.Length} characters", e);
        }

        if (previous != text.Length)
        {
            segments.Add(new Segment(previous, text.Length, false));
        }
    }
}
