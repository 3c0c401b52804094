using System;
using System.Globalization;

namespace Tbrm.Text.Patterns;

/// <summary>Character classes and escapes.</summary>
internal sealed partial class RegexParser
{
    private RegexNode ParseEscape()
    {
        int c = Peek();
        AnchorKind? anchor = c switch
        {
            'A' => AnchorKind.TextStart,
            'z' => AnchorKind.TextEnd,
            'Z' => AnchorKind.TextEndOrNewline,
            'b' => AnchorKind.WordBoundary,
            'B' => AnchorKind.NoWordBoundary,
            _ => null,
        };
        if (anchor is AnchorKind kind)
        {
            _at++;
            return new AnchorNode(kind);
        }

        if (c == 'R')
        {
            _at++;
            RuneSet single = new(static rune => rune is (>= '\n' and <= '\r') or 0x85 or 0x2028 or 0x2029);
            RegexNode pair = new SequenceNode([new SetNode(RuneSet.Of('\r')), new SetNode(RuneSet.Of('\n'))]);
            return new AtomicNode(new AlternativesNode([pair, new SetNode(single)]));
        }

        if (c is (>= '1' and <= '9') or 'k' or 'g' or 'G' or 'K' or 'X' or 'y' or 'Y' or 'O' or 'N')
        {
            throw new FormatException($"\\{(char)c} is not supported");
        }

        (RuneSet set, int literal) = ParseSetEscape();
        return literal >= 0 ? Literal(literal) : new SetNode(set);
    }

    /// <summary>The escape after a backslash: a set, or one character (then the second part is not negative).</summary>
    private (RuneSet Set, int Literal) ParseSetEscape()
    {
        int c = Peek();
        if (c < 0)
        {
            throw new FormatException("the pattern ends with a backslash");
        }

        _at++;
        switch (c)
        {
            case 's':
                return (UnicodeProperties.Space, -1);
            case 'S':
                return (UnicodeProperties.Space.Negate(), -1);
            case 'w':
                return (UnicodeProperties.Word, -1);
            case 'W':
                return (UnicodeProperties.Word.Negate(), -1);
            case 'd':
                return (UnicodeProperties.Find("Nd")!, -1);
            case 'D':
                return (UnicodeProperties.Find("Nd")!.Negate(), -1);
            case 'h' or 'H':
                RuneSet hex = new(static rune => rune < 128 && char.IsAsciiHexDigit((char)rune));
                return (c == 'h' ? hex : hex.Negate(), -1);
            case 'p' or 'P':
                return (ParseProperty(c == 'P'), -1);
            case 'x' or 'u':
                int code = ParseCode(c);
                return (RuneSet.Of(code), code);
            default:
                int literal = c switch
                {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'f' => '\f',
                    'v' => '\v',
                    'a' => '\a',
                    'e' => 0x1B,
                    '0' => 0,
                    _ => c,
                };
                return c < 128 && char.IsAsciiLetter((char)c) && literal == c
                    ? throw new FormatException($"\\{(char)c} is not supported")
                    : (RuneSet.Of(literal), literal);
        }
    }

    private RuneSet ParseProperty(bool negate)
    {
        string name;
        if (Skip("{"))
        {
            negate ^= Skip("^");
            int close = _pattern.IndexOf('}', _at);
            name = close < 0 ? throw new FormatException("\\p{ is not closed") : Text(_at, close);
            _at = close + 1;
        }
        else
        {
            name = Peek() < 0 ? "" : Text(_at, ++_at);
        }

        RuneSet set = UnicodeProperties.Find(name)
            ?? throw new FormatException($"the property \\p{{{name}}} is not supported");
        return negate ? set.Negate() : set;
    }

    private int ParseCode(int kind)
    {
        int most = kind == 'u' ? 4 : 2;
        bool braces = kind == 'x' && Skip("{");
        int start = _at;
        while (_at - start < (braces ? 8 : most) && Peek() is >= 0 and < 128 && char.IsAsciiHexDigit((char)Peek()))
        {
            _at++;
        }

        bool valid = int.TryParse(
            Text(start, _at), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code)
            && code <= 0x10FFFF && (!braces || Skip("}")) && (kind != 'u' || _at - start == 4);
        return valid ? code : throw new FormatException($"a \\{(char)kind} escape is malformed");
    }

    /// <summary>A class whose '[' was read.</summary>
    private RuneSet ParseClass()
    {
        if (++_depth > 100)
        {
            throw new FormatException("classes are nested deeper than 100 levels");
        }

        bool negate = Skip("^");
        RuneSet? all = null;
        RuneSet part = RuneSet.None;
        bool first = true;
        while (!Skip("]") || first)
        {
            if (_at >= _pattern.Count)
            {
                throw new FormatException("a character class is not closed");
            }

            if (Skip("&&"))
            {
                all = all?.Intersect(part) ?? part;
                part = RuneSet.None;
            }
            else
            {
                // A ']' that comes first was skipped above and stands for itself.
                part = part.Union(first && _pattern[_at - 1] == ']' ? RuneSet.Of(']') : ParseClassItem());
            }

            first = false;
        }

        _depth--;
        RuneSet set = all?.Intersect(part) ?? part;
        set = _ignoreCase ? set.IgnoreCase() : set;
        return negate ? set.Negate() : set;
    }

    private RuneSet ParseClassItem()
    {
        if (Skip("[:"))
        {
            return ParsePosix();
        }

        if (Skip("["))
        {
            return ParseClass();
        }

        (RuneSet set, int low) = ParseClassCharacter();
        if (low < 0 || Peek() != '-' || Peek(1) is ']' or -1)
        {
            return set;
        }

        _at++;
        if (Peek() == '[')
        {
            throw new FormatException("a range must end with a character");
        }

        (_, int high) = ParseClassCharacter();
        return high >= low ? RuneSet.Range(low, high)
            : throw new FormatException("a range's ends are in the wrong order, or its end is a set");
    }

    private (RuneSet Set, int Literal) ParseClassCharacter()
    {
        if (!Skip("\\"))
        {
            int c = _pattern[_at++];
            return (RuneSet.Of(c), c);
        }

        if (Skip("b"))
        {
            return (RuneSet.Of('\b'), '\b');
        }

        return ParseSetEscape();
    }

    private RuneSet ParsePosix()
    {
        bool negate = Skip("^");
        int start = _at;
        while (Peek() >= 0 && Peek() != ':')
        {
            _at++;
        }

        string name = Text(start, _at);
        if (!Skip(":]"))
        {
            throw new FormatException("a [: :] class is not closed");
        }

        RuneSet set = name switch
        {
            "digit" => UnicodeProperties.Find("Nd")!,
            "space" => UnicodeProperties.Space,
            "word" => UnicodeProperties.Word,
            "upper" => UnicodeProperties.Find("Lu")!,
            "lower" => UnicodeProperties.Find("Ll")!,
            "ascii" => RuneSet.Range(0, 0x7F),
            "xdigit" => new RuneSet(static rune => rune < 128 && char.IsAsciiHexDigit((char)rune)),
            "cntrl" => UnicodeProperties.Find("Cc")!,
            "blank" => RuneSet.Of('\t').Union(UnicodeProperties.Find("Zs")!),
            "punct" => UnicodeProperties.Find("P")!.Union(UnicodeProperties.Find("S")!),
            _ => throw new FormatException($"the class [:{name}:] is not supported"),
        };
        return negate ? set.Negate() : set;
    }
}
