using System;
using System.Collections.Generic;
using System.Linq;

namespace Tbrm.Text.Jinja;

/// <summary>The filter wordwrap: Python's textwrap with the options that Jinja sets.</summary>
internal static class WordWrap
{
    /// <summary>wordwrap(width=79, break_long_words=True, wrapstring="\n", break_on_hyphens=True).</summary>
    public static string Apply(string text, CallArguments arguments)
    {
        object?[] bound = arguments.Bind("wordwrap", 0, "width", "break_long_words", "wrapstring", "break_on_hyphens");
        int width = bound[0].IndexOr(79);
        if (width <= 0)
        {
            throw PyError.Value($"invalid width {width} (must be > 0)");
        }

        bool breakLong = PyType.IsTrue(bound[1].Or(true));
        bool hyphens = PyType.IsTrue(bound[3].Or(true));
        string separator = bound[2].Or(null) is object given ? PyText.Str(given) : "\n";
        return string.Join(separator, PyString.Lines(text).Select(line => string.Join(separator, Wrap(line, width, breakLong, hyphens))));
    }

    private static List<string> Wrap(string line, int width, bool breakLong, bool hyphens)
    {
        RenderState.SpendItems(line.Length);
        List<ReadOnlyMemory<char>> chunks = Chunks(line, hyphens);
        List<string> lines = [];
        int at = 0;
        while (at < chunks.Count)
        {
            if (lines.Count > 0 && chunks[at].Span.IsWhiteSpace())
            {
                at++;
                continue;
            }

            List<string> current = [];
            int used = 0;
            while (at < chunks.Count && used + chunks[at].Length <= width)
            {
                used += chunks[at].Length;
                current.Add(chunks[at++].ToString());
            }

            if (at < chunks.Count && chunks[at].Length > width && (breakLong || current.Count == 0))
            {
                int room = breakLong ? Math.Max(1, width - used) : chunks[at].Length;
                current.Add(chunks[at][..room].ToString());
                chunks[at] = chunks[at][room..];
                at += chunks[at].Length == 0 ? 1 : 0;
            }

            if (current.Count > 0 && string.IsNullOrWhiteSpace(current[^1]))
            {
                current.RemoveAt(current.Count - 1);
            }

            if (current.Count > 0)
            {
                lines.Add(string.Concat(current));
            }
        }

        return lines;
    }

    /// <summary>Words and the blanks between them; a word breaks after a hyphen between letters.</summary>
    private static List<ReadOnlyMemory<char>> Chunks(string line, bool hyphens)
    {
        List<ReadOnlyMemory<char>> chunks = [];
        int start = 0;
        for (int i = 1; i <= line.Length; i++)
        {
            bool edge = i == line.Length || PyString.IsSpace(line[i]) != PyString.IsSpace(line[i - 1]);
            bool hyphen = hyphens && !edge && line[i - 1] == '-' && i > 1 && char.IsLetter(line[i - 2]) && char.IsLetter(line[i]);
            if (edge || hyphen)
            {
                chunks.Add(line.AsMemory(start, i - start));
                start = i;
            }
        }

        return chunks;
    }
}
