using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;

namespace Tbrm.Text.Patterns;

/// <summary>
/// Reads the part of Oniguruma's syntax that tokenizers use: alternatives, groups, look-around, atomic groups, greedy,
/// lazy
/// and possessive repetition, character classes with nesting and intersection, properties, anchors, (?i) (?m) (?x).
/// </summary>
internal sealed partial class RegexParser
{
    /// <summary>A repetition of something longer than this many copies is refused.</summary>
    private const int MaxRepeat = 1000;

    private readonly List<int> _pattern;
    private int _at;
    private bool _ignoreCase;
    private bool _dotAll;
    private bool _extended;
    private int _depth;

    private RegexParser(string pattern)
    {
        _pattern = [.. pattern.EnumerateRunes().Select(rune => rune.Value)];
    }

    /// <summary>The parts of a pattern.</summary>
    /// <exception cref="FormatException">It is malformed, or uses what is not supported.</exception>
    public static RegexNode Parse(string pattern)
    {
        RegexParser parser = new(pattern);
        RegexNode node = parser.ParseAlternatives();
        return parser._at == parser._pattern.Count ? node : throw new FormatException("unmatched ')'");
    }

    private int Peek(int ahead = 0) => _at + ahead < _pattern.Count ? _pattern[_at + ahead] : -1;

    private bool Skip(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (Peek(i) != text[i])
            {
                return false;
            }
        }

        _at += text.Length;
        return true;
    }

    private RegexNode ParseAlternatives()
    {
        if (++_depth > 100)
        {
            throw new FormatException("groups are nested deeper than 100 levels");
        }

        // Options set inside a group end with it.
        (bool, bool, bool) options = (_ignoreCase, _dotAll, _extended);
        List<RegexNode> alternatives = [ParseSequence()];
        while (Skip("|"))
        {
            alternatives.Add(ParseSequence());
        }

        (_ignoreCase, _dotAll, _extended) = options;
        _depth--;
        return alternatives.Count == 1 ? alternatives[0] : new AlternativesNode(alternatives);
    }

    private SequenceNode ParseSequence()
    {
        List<RegexNode> items = [];
        while (_at < _pattern.Count && Peek() is not ('|' or ')'))
        {
            if (_extended && SkipExtendedSpace())
            {
                continue;
            }

            if (ParseAtom() is RegexNode atom)
            {
                items.Add(ParseRepeats(atom));
            }
        }

        return new SequenceNode(items);
    }

    private bool SkipExtendedSpace()
    {
        if (Peek() == '#')
        {
            while (_at < _pattern.Count && Peek() != '\n')
            {
                _at++;
            }

            return true;
        }

        bool space = Peek() is ' ' or '\t' or '\n' or '\r' or '\f' or '\v';
        _at += space ? 1 : 0;
        return space;
    }

    /// <summary>One atom; null for an option switch, which matches nothing itself.</summary>
    private RegexNode? ParseAtom()
    {
        int c = _pattern[_at++];
        switch (c)
        {
            case '(':
                return ParseGroup();
            case '[':
                return new SetNode(ParseClass());
            case '.':
                return new SetNode(_dotAll ? RuneSet.All : RuneSet.Of('\n').Negate());
            case '^':
                return new AnchorNode(AnchorKind.LineStart);
            case '$':
                return new AnchorNode(AnchorKind.LineEnd);
            case '\\':
                return ParseEscape();
            case '*' or '+' or '?':
                throw new FormatException($"'{(char)c}' repeats nothing");
            default:
                return Literal(c);
        }
    }

    private SetNode Literal(int rune) => new(_ignoreCase ? RuneSet.Of(rune).IgnoreCase() : RuneSet.Of(rune));

    private RegexNode? ParseGroup()
    {
        if (!Skip("?"))
        {
            return Close(ParseAlternatives());
        }

        foreach ((string mark, Func<RegexNode, RegexNode> wrap) in GroupKinds())
        {
            if (Skip(mark))
            {
                return Close(wrap(ParseAlternatives()));
            }
        }

        if (Peek() == '<' || Peek() == '\'' || (Peek() == 'P' && Peek(1) == '<'))
        {
            _at = _pattern.IndexOf(Peek() == '\'' ? '\'' : '>', _at + 1) + 1;
            return _at > 0 ? Close(ParseAlternatives()) : throw new FormatException("a group's name is not closed");
        }

        return ParseOptions();
    }

    private static IEnumerable<(string Mark, Func<RegexNode, RegexNode> Wrap)> GroupKinds()
    {
        yield return (":", static node => node);
        yield return ("=", static node => new LookNode(node, false, false));
        yield return ("!", static node => new LookNode(node, false, true));
        yield return ("<=", static node => new LookNode(node, true, false));
        yield return ("<!", static node => new LookNode(node, true, true));
        yield return (">", static node => new AtomicNode(node));
    }

    private RegexNode Close(RegexNode node) => Skip(")") ? node : throw new FormatException("a group is not closed");

    private RegexNode? ParseOptions()
    {
        (bool, bool, bool) before = (_ignoreCase, _dotAll, _extended);
        bool on = true;
        while (_at < _pattern.Count)
        {
            int c = _pattern[_at++];
            switch (c)
            {
                case '-':
                    on = false;
                    break;
                case 'i':
                    _ignoreCase = on;
                    break;
                case 'm':
                    _dotAll = on;
                    break;
                case 'x':
                    _extended = on;
                    break;
                case ')':
                    // (?i) holds for the rest of the enclosing group, its other alternatives included.
                    return ParseAlternativesRest();
                case ':':
                    RegexNode node = Close(ParseAlternatives());
                    (_ignoreCase, _dotAll, _extended) = before;
                    return node;
                default:
                    throw new FormatException($"the group (?{(char)c}...) is not supported");
            }
        }

        throw new FormatException("a group is not closed");
    }

    /// <summary>Oniguruma reads a(?i)b|c as a(?i:b|c).</summary>
    private RegexNode ParseAlternativesRest()
    {
        List<RegexNode> alternatives = [ParseSequence()];
        while (Skip("|"))
        {
            alternatives.Add(ParseSequence());
        }

        return new AlternativesNode(alternatives);
    }

    private RegexNode ParseRepeats(RegexNode atom)
    {
        while (true)
        {
            int start = _at;
            (int Min, int Max)? bounds = Peek() switch
            {
                '*' => (0, -1),
                '+' => (1, -1),
                '?' => (0, 1),
                '{' => ParseBounds(),
                _ => null,
            };
            if (bounds is not (int min, int max))
            {
                _at = start;
                return atom;
            }

            bool braces = Peek() == '{' || _at > start;
            _at += _at == start ? 1 : 0;
            RepeatMode mode = Skip("?") ? RepeatMode.Lazy : !braces && Skip("+") ? RepeatMode.Possessive
                : RepeatMode.Greedy;
            if (min > MaxRepeat || max > MaxRepeat)
            {
                throw new FormatException($"repetitions of more than {MaxRepeat} are not supported");
            }

            atom = new RepeatNode(atom, min, max, mode);
        }
    }

    /// <summary>{n}, {n,}, {n,m} or {,m}; null when the brace stands for itself.</summary>
    private (int Min, int Max)? ParseBounds()
    {
        int close = _pattern.IndexOf('}', _at);
        string inside = close < 0 ? "" : Text(_at + 1, close);
        string[] parts = inside.Split(',');
        if (close < 0 || parts.Length > 2 || inside is "" or ","
            || parts.Any(part => part.Any(c => !char.IsAsciiDigit(c)) || part.Length > 6))
        {
            return null;
        }

        _at = close + 1;
        int min = parts[0].Length == 0 ? 0 : int.Parse(parts[0], CultureInfo.InvariantCulture);
        return (min, parts.Length == 1 ? min : parts[1].Length == 0 ? -1
            : int.Parse(parts[1], CultureInfo.InvariantCulture));
    }

    private string Text(int start, int end)
    {
        StringBuilder text = new();
        for (int i = start; i < end; i++)
        {
            text.Append(char.ConvertFromUtf32(_pattern[i]));
        }

        return text.ToString();
    }
}
