using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Library;

/// <summary>The filter wordwrap: Python's textwrap (3.11) with the options that Jinja sets. Widths count code
/// points.</summary>
internal static class WordWrap
{
    /// <summary>wordwrap(width=79, break_long_words=True, wrapstring="\n", break_on_hyphens=True).</summary>
    public static string Apply(string text, CallArguments arguments)
    {
        object?[] bound = arguments.Bind("wordwrap", 0, "width", "break_long_words", "wrapstring", "break_on_hyphens");
        object? hyphens = bound[3].Or(true);
        Options options = new(
            bound[0].IndexOr(79), PyType.IsTrue(bound[1].Or(true)), hyphens is true, PyType.IsTrue(hyphens));
        string separator = bound[2].Or(null) is object given ? PyText.Str(given) : "\n";
        return string.Join(separator, PyString.Lines(text).Select(line => string.Join(separator, Wrap(line, options))));
    }

    /// <param name="Width">Code points of a line.</param>
    /// <param name="BreaksLongWords">Whether a word longer than a line is broken.</param>
    /// <param name="SplitsAtHyphens">Whether words end after their hyphens; in Python only True itself asks for
    /// that.</param>
    /// <param name="BreaksAtHyphens">Whether a long word is rather broken after a hyphen.</param>
    private readonly record struct Options(int Width, bool BreaksLongWords, bool SplitsAtHyphens, bool BreaksAtHyphens);

    private static List<string> Wrap(string text, Options options)
    {
        if (options.Width <= 0)
        {
            throw PyError.Value($"invalid width {options.Width} (must be > 0)");
        }

        RenderState.SpendItems(text.Length);
        WrapLine line = new(text);
        List<(int Start, int End)> chunks = line.Chunks(options.SplitsAtHyphens), current = [];
        List<string> lines = [];
        int at = 0;
        while (at < chunks.Count)
        {
            current.Clear();
            at += lines.Count > 0 && line.IsBlank(chunks[at]) ? 1 : 0;
            int used = 0;
            while (at < chunks.Count && used + chunks[at].End - chunks[at].Start <= options.Width)
            {
                used += chunks[at].End - chunks[at].Start;
                current.Add(chunks[at++]);
            }

            if (at < chunks.Count && chunks[at].End - chunks[at].Start > options.Width)
            {
                (int start, int end) = chunks[at];
                if (options.BreaksLongWords)
                {
                    // Without room the part is empty, and it is what counts as the line's last chunk below: the blanks
                    // before it stay.
                    int cut = line.Cut(start, options.Width - used, options.BreaksAtHyphens);
                    current.Add((start, cut));
                    chunks[at] = (cut, end);
                }
                else if (current.Count == 0)
                {
                    current.Add(chunks[at++]);
                }
            }

            if (current.Count > 0 && line.IsBlank(current[^1]))
            {
                current.RemoveAt(current.Count - 1);
            }

            if (current.Count > 0)
            {
                lines.Add(line.Text(current[0].Start, current[^1].End));
            }
        }

        return lines;
    }

    /// <summary>A line by its code points.</summary>
    private sealed class WrapLine
    {
        private readonly string _text;
        private readonly int[] _points, _units;

        public WrapLine(string text)
        {
            List<int> points = new(text.Length), units = new(text.Length + 1);
            for (int i = 0; i < text.Length; i++)
            {
                units.Add(i);
                bool pair = i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]);
                points.Add(pair ? char.ConvertToUtf32(text[i], text[i + 1]) : text[i]);
                i += pair ? 1 : 0;
            }

            units.Add(text.Length);
            (_text, _points, _units) = (text, [.. points], [.. units]);
        }

        public string Text(int start, int end) => _text[_units[start].._units[end]];

        public bool IsBlank((int Start, int End) chunk) =>
            PyString.Strip(Text(chunk.Start, chunk.End), null, true, true).Length == 0;

        /// <summary>Where a word is broken that begins at <paramref name="start"/> and does not fit into the
        /// room.</summary>
        public int Cut(int start, int room, bool atHyphens)
        {
            int last = atHyphens ? Array.LastIndexOf(_points, '-', Math.Max(start, start + room - 1), room) : -1;
            return last > start && _points.AsSpan(start, last - start).ContainsAnyExcept('-') ? last + 1 : start + room;
        }

        /// <summary>Blanks, and the words between them; a word also ends after a hyphen between letters, and at a dash
        /// of several hyphens.</summary>
        public List<(int Start, int End)> Chunks(bool hyphens)
        {
            List<(int Start, int End)> chunks = [];
            for (int start = 0, end; start < _points.Length; start = end)
            {
                end = start + 1;
                if (IsSeparator(start))
                {
                    end = SkipWhile(end, IsSeparator);
                }
                else if (hyphens && IsDash(start))
                {
                    end = SkipWhile(end, IsHyphen);
                }
                else
                {
                    while (end < _points.Length && !IsSeparator(end)
                        && !(hyphens && (EndsAfterHyphen(ref end) || IsDash(end))))
                    {
                        end++;
                    }
                }

                chunks.Add((start, end));
            }

            return chunks;
        }

        private int SkipWhile(int at, Func<int, bool> condition)
        {
            while (at < _points.Length && condition(at))
            {
                at++;
            }

            return at;
        }

        /// <summary>Two or more hyphens after the end of a word and before another.</summary>
        private bool IsDash(int at)
        {
            if (!IsHyphen(at) || !IsHyphen(at + 1) || at == 0
                || !(IsWord(at - 1)
                || "!\"'&.,?".Contains((char)Math.Min(_points[at - 1], '\uFFFF'), StringComparison.Ordinal)))
            {
                return false;
            }

            return IsWord(SkipWhile(at, IsHyphen));
        }

        /// <summary>Whether a word breaks after the hyphen at <paramref name="at"/>, which is then moved behind
        /// it.</summary>
        private bool EndsAfterHyphen(ref int at)
        {
            bool breaks = IsHyphen(at) && IsLetter(at - 1)
                && (IsLetter(at - 2) || (IsHyphen(at - 2) && IsLetter(at - 3)))
                && IsLetter(at + 1) && (IsLetter(at + 2) || (IsHyphen(at + 2) && IsLetter(at + 3)));
            at += breaks ? 1 : 0;
            return breaks;
        }

        /// <summary>The blanks of textwrap: those of ASCII.</summary>
        private bool IsSeparator(int at) => _points[at] is ' ' or (>= '\t' and <= '\r');

        private bool IsHyphen(int at) => (uint)at < (uint)_points.Length && _points[at] == '-';

        /// <summary>\w of Python's regular expressions: letters, all kinds of numbers, and the underscore.</summary>
        private bool IsWord(int at) => (uint)at < (uint)_points.Length
            && (_points[at] == '_'
            || (Rune.TryCreate(_points[at], out Rune rune) && (Rune.IsLetter(rune) || Rune.IsNumber(rune))));

        /// <summary>\w but no decimal digit.</summary>
        private bool IsLetter(int at) => IsWord(at)
            && !(Rune.TryCreate(_points[at], out Rune rune) && Rune.IsDigit(rune));
    }
}
