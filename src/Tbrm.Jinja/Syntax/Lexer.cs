using System;
using System.Collections.Generic;
using System.Text.RegularExpressions;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Syntax;

/// <summary>
/// Cuts a template into tokens as Jinja 3.1 does with <c>trim_blocks</c> and <c>lstrip_blocks</c> on: the newline after
/// a
/// block or comment goes, blanks before one at the start of a line go, and the template's last newline goes.
/// </summary>
internal sealed partial class Lexer
{
    private static readonly string[] s_operators =
        ["//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=",
            ".", ":", "|", ",", ";"];

    private readonly string _source;
    private readonly List<Token> _tokens = [];
    private readonly Stack<char> _open = new();
    private int _position;
    private int _line = 1;

    /// <summary>What stood last ended with a newline (or nothing stood yet): a tag that follows starts its
    /// line.</summary>
    private bool _lineStarting = true;

    private Lexer(string source)
    {
        source = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        _source = source.EndsWith('\n') ? source[..^1] : source;
    }

    /// <summary>The tokens of a template, the last of kind <see cref="TokenKind.End"/>.</summary>
    /// <exception cref="JinjaException">A tag, string or bracket is not closed, or a character fits
    /// nowhere.</exception>
    public static List<Token> Tokenize(string source)
    {
        Lexer lexer = new(source);
        lexer.Run();
        return lexer._tokens;
    }

    private void Run()
    {
        while (_position < _source.Length)
        {
            int tag = NextTag(_position);
            if (tag < 0)
            {
                Emit(TokenKind.Data, _source[_position..], _line);
                break;
            }

            char kind = _source[tag + 1];
            char sign = tag + 2 < _source.Length ? _source[tag + 2] : '\0';
            string data = Strip(_source[_position..tag], kind, sign);
            if (data.Length > 0)
            {
                Emit(TokenKind.Data, data, _line);
            }

            Advance(tag + (sign is '-' or '+' ? 3 : 2));
            switch (kind)
            {
                case '#':
                    SkipComment();
                    break;
                case '%' when RawStart().Match(_source, _position) is { Success: true } raw:
                    ReadRaw(raw);
                    break;
                case '%':
                    ReadTag(TokenKind.BlockBegin, TokenKind.BlockEnd, '%');
                    break;
                default:
                    ReadTag(TokenKind.VariableBegin, TokenKind.VariableEnd, '}');
                    break;
            }
        }

        Emit(TokenKind.End, "", _line);
    }

    private int NextTag(int from)
    {
        for (int i = _source.IndexOf('{', from); i >= 0 && i + 1 < _source.Length; i = _source.IndexOf('{', i + 1))
        {
            if (_source[i + 1] is '{' or '%' or '#')
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>The text before a tag: all blanks at its end go with '-', those on the tag's own line for blocks and
    /// comments.</summary>
    private string Strip(string data, char kind, char sign)
    {
        if (sign == '-')
        {
            return PyString.StripEnd(data);
        }

        int lineStart = data.LastIndexOf('\n') + 1;
        bool ownLine = lineStart > 0 || _lineStarting;
        bool blank = lineStart < data.Length && PyString.StripEnd(data).Length <= lineStart;
        return kind != '{' && sign != '+' && ownLine && blank ? data[..lineStart] : data;
    }

    private void SkipComment()
    {
        int end = _source.IndexOf("#}", _position, StringComparison.Ordinal);
        if (end < 0)
        {
            throw new JinjaException("missing end of comment tag '#}'", _line);
        }

        char sign = end > _position ? _source[end - 1] : '\0';
        Advance(end + 2);
        AfterBlockEnd(sign);
    }

    private void ReadRaw(Match start)
    {
        int line = _line;
        Advance(start.Index + start.Length);
        if (start.Groups[1].Success)
        {
            Advance(SkipSpace(_position));
        }

        Match end = RawEnd().Match(_source, _position);
        if (!end.Success)
        {
            // Jinja lets a raw block pass that the template ends with.
            if (_position == _source.Length)
            {
                return;
            }

            throw new JinjaException("missing end of raw directive", line);
        }

        string data = Strip(
            _source[_position..end.Index], '%', end.Groups[1].Value is { Length: > 0 } before ? before[0] : '\0');
        Emit(TokenKind.Data, data, _line);
        Advance(end.Index + end.Length);
        AfterBlockEnd(end.Groups[2].Value is { Length: > 0 } after ? after[0] : '\0');
    }

    /// <summary>After '%}' or '#}': '-' takes all blanks, '+' none, else one newline goes.</summary>
    private void AfterBlockEnd(char sign)
    {
        int position = _position;
        if (sign == '-')
        {
            position = SkipSpace(position);
        }
        else if (sign != '+' && position < _source.Length && _source[position] == '\n')
        {
            position++;
        }

        Advance(position);
    }

    private void ReadTag(TokenKind begin, TokenKind end, char mark)
    {
        int line = _line;
        Emit(begin, "", _line);
        while (true)
        {
            Advance(SkipSpace(_position));
            if (_position >= _source.Length)
            {
                throw new JinjaException($"the tag that starts on line {line} is not closed", _line);
            }

            if (_open.Count == 0 && TryReadEnd(end, mark))
            {
                return;
            }

            ReadToken();
        }
    }

    private bool TryReadEnd(TokenKind end, char mark)
    {
        char sign = _source[_position];
        int at = _position;
        if (sign == '-' || (sign == '+' && mark == '%'))
        {
            at++;
        }
        else
        {
            sign = '\0';
        }

        if (at + 1 >= _source.Length || _source[at] != mark || _source[at + 1] != '}')
        {
            return false;
        }

        Emit(end, "", _line);
        Advance(at + 2);
        if (mark == '%' || sign == '-')
        {
            AfterBlockEnd(sign);
        }

        return true;
    }

    private void ReadToken()
    {
        char c = _source[_position];
        if (char.IsAsciiDigit(c) && TryReadNumber())
        {
            return;
        }

        if (Name().Match(_source, _position) is { Success: true } name)
        {
            if (char.IsAsciiDigit(c) || !PyString.IsIdentifier(name.Value))
            {
                throw new JinjaException($"invalid character in identifier '{name.Value}'", _line);
            }

            Emit(TokenKind.Name, name.Value, _line);
            Advance(_position + name.Length);
        }
        else if (c is '\'' or '"')
        {
            ReadString(c);
        }
        else
        {
            ReadOperator();
        }
    }

    private bool TryReadNumber()
    {
        bool afterDot = _position > 0 && _source[_position - 1] == '.';
        if (!afterDot && Float().Match(_source, _position) is { Success: true } number)
        {
            Emit(TokenKind.Float, number.Value.Replace("_", "", StringComparison.Ordinal), _line);
            Advance(_position + number.Length);
            return true;
        }

        Match integer = Integer().Match(_source, _position);
        if (integer.Success)
        {
            Emit(TokenKind.Integer, integer.Value.Replace("_", "", StringComparison.Ordinal), _line);
            Advance(_position + integer.Length);
        }

        return integer.Success;
    }

    private void ReadString(char quote)
    {
        int line = _line;
        int i = _position + 1;
        while (i < _source.Length && _source[i] != quote)
        {
            i += _source[i] == '\\' ? 2 : 1;
        }

        if (i >= _source.Length)
        {
            throw new JinjaException("a string is not closed", line);
        }

        Emit(TokenKind.String, StringLiteral.Unescape(_source[(_position + 1)..i], line), line);
        Advance(i + 1);
    }

    private void ReadOperator()
    {
        foreach (string text in s_operators)
        {
            if (string.CompareOrdinal(_source, _position, text, 0, text.Length) == 0)
            {
                Balance(text[0]);
                Emit(TokenKind.Operator, text, _line);
                Advance(_position + text.Length);
                return;
            }
        }

        throw new JinjaException($"unexpected character '{_source[_position]}'", _line);
    }

    private void Balance(char bracket)
    {
        switch (bracket)
        {
            case '(':
                _open.Push(')');
                break;
            case '[':
                _open.Push(']');
                break;
            case '{':
                _open.Push('}');
                break;
            case ')' or ']' or '}':
                if (_open.Count == 0)
                {
                    throw new JinjaException($"unexpected '{bracket}'", _line);
                }

                char expected = _open.Pop();
                if (expected != bracket)
                {
                    throw new JinjaException($"unexpected '{bracket}', expected '{expected}'", _line);
                }

                break;
            default:
                break;
        }
    }

    private int SkipSpace(int position)
    {
        while (position < _source.Length && PyString.IsSpace(_source[position]))
        {
            position++;
        }

        return position;
    }

    private void Emit(TokenKind kind, string text, int line) => _tokens.Add(new Token(kind, text, line));

    private void Advance(int position)
    {
        for (; _position < position; _position++)
        {
            _lineStarting = _source[_position] == '\n';
            _line += _lineStarting ? 1 : 0;
        }
    }

    [GeneratedRegex(@"\G\s*raw\s*(-)?%\}")]
    private static partial Regex RawStart();

    [GeneratedRegex(@"\{%([-+]?)\s*endraw\s*([-+]?)%\}")]
    private static partial Regex RawEnd();

    [GeneratedRegex(@"\G(?:\w|[\uD800-\uDBFF][\uDC00-\uDFFF])+")]
    private static partial Regex Name();

    [GeneratedRegex(
        @"\G(?:[0-9]+_)*[0-9]+(?:(?:\.(?:[0-9]+_)*[0-9]+)?[eE][+\-]?(?:[0-9]+_)*[0-9]+|\.(?:[0-9]+_)*[0-9]+)")]
    private static partial Regex Float();

    [GeneratedRegex(@"\G(?:0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[0-9a-fA-F])+|[1-9](?:_?[0-9])*|0(?:_?0)*)")]
    private static partial Regex Integer();
}
