using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Tbrm.Core.Errors;

namespace Tbrm.Training.Config.Verl;

/// <summary>A piece of a shell word.</summary>
internal abstract record ShellPart(bool IsQuoted);

/// <summary>Text that stands for itself.</summary>
internal sealed record ShellText(string Text, bool IsQuoted) : ShellPart(IsQuoted);

/// <summary>What stands between <c>${</c> and <c>}</c>, or after <c>$</c>.</summary>
internal sealed record ShellParameter(string Expression, bool IsQuoted) : ShellPart(IsQuoted);

/// <summary>What stands between <c>$((</c> and <c>))</c>.</summary>
internal sealed record ShellSum(string Expression, bool IsQuoted) : ShellPart(IsQuoted);

/// <summary>A command whose output would be inserted: <c>$(date)</c>. It is never run.</summary>
internal sealed record ShellOutput(string Command, bool IsQuoted) : ShellPart(IsQuoted);

/// <summary>A word of several parts, or (when <paramref name="Operator"/> is not empty) an operator such as
/// <c>;</c>.</summary>
internal sealed record ShellToken(IReadOnlyList<ShellPart> Parts, string Operator, int Line)
{
    /// <summary>Operator or unquoted text; empty for a word with quotes or expansions.</summary>
    public string Literal => Operator.Length > 0 ? Operator
        : Parts is [ShellText { IsQuoted: false } only] ? only.Text : "";
}

/// <summary>
/// Cuts a bash script into words and operators: quotes, comments, line continuations, expansions, here-documents
/// (skipped). Nothing is
/// ever run.
/// </summary>
internal sealed class ShellLexer(string text, string name)
{
    private const string Operators = ";&|()<>\n";

    private readonly List<ShellToken> _tokens = [];
    private readonly Queue<string> _hereDocuments = [];
    private int _at;
    private int _line = 1;

    /// <summary>All tokens in order. A ConfigException names the line of a quote or bracket that is not
    /// closed.</summary>
    public List<ShellToken> Read()
    {
        while (_at < text.Length)
        {
            char c = text[_at];
            if (c is ' ' or '\t' or '\r')
            {
                _at++;
            }
            else if (c == '\\' && Peek(1) == '\n')
            {
                (_at, _line) = (_at + 2, _line + 1);
            }
            else if (c == '#')
            {
                SkipTo('\n');
            }
            else if (c == '(' && Peek(1) == '(' && BeginsCommand())
            {
                // ((expression)): a command whose status is the expression's.
                int line = _line;
                string inside = Bracketed(0, '(', ')');
                _tokens.Add(new([new ShellText("((", IsQuoted: false)], "", line));
                _tokens.Add(new([new ShellSum(inside[1..^1], IsQuoted: true)], "", line));
            }
            else if (Operators.Contains(c, StringComparison.Ordinal))
            {
                ReadOperator();
            }
            else
            {
                ReadWord();
            }
        }

        return _tokens;
    }

    private bool BeginsCommand() => _tokens.Count == 0
        || _tokens[^1].Literal is "\n" or ";" or "&&" or "||" or "|" or "if" or "elif" or "while" or "until" or "then"
        or "else" or "do" or "!" or "{";

    private char Peek(int ahead) => _at + ahead < text.Length ? text[_at + ahead] : '\0';

    private void SkipTo(char end)
    {
        int found = text.IndexOf(end, _at);
        _at = found < 0 ? text.Length : found;
    }

    private void ReadOperator()
    {
        string two = _at + 1 < text.Length ? text.Substring(_at, 2) : "";
        string op = two is "&&" or "||" or ";;" or ">>" or "<<" or ">&" or "&>" or "<(" ? two : text[_at].ToString();
        if (op == "<<" && Peek(2) == '<')
        {
            op = "<<<";
        }

        _tokens.Add(new([], op, _line));
        _at += op.Length;
        if (op == "<<")
        {
            ReadHereMark();
        }
        else if (op == "\n")
        {
            _line++;
            while (_hereDocuments.TryDequeue(out string? mark))
            {
                SkipHereDocument(mark);
            }
        }
    }

    private void ReadHereMark()
    {
        while (Peek(0) is '-' or ' ' or '\'' or '"')
        {
            _at++;
        }

        int begin = _at;
        while (_at < text.Length && (char.IsLetterOrDigit(text[_at]) || text[_at] == '_'))
        {
            _at++;
        }

        _hereDocuments.Enqueue(text[begin.._at]);
        if (Peek(0) is '\'' or '"')
        {
            _at++;
        }
    }

    private void SkipHereDocument(string mark)
    {
        while (_at < text.Length)
        {
            int begin = _at;
            SkipTo('\n');
            string line = text[begin.._at].Trim();
            _at = Math.Min(_at + 1, text.Length);
            _line++;
            if (line == mark)
            {
                return;
            }
        }
    }

    private void ReadWord()
    {
        int line = _line;
        List<ShellPart> parts = [];
        StringBuilder plain = new();
        while (_at < text.Length)
        {
            char c = text[_at];
            if (char.IsWhiteSpace(c) || (Operators.Contains(c, StringComparison.Ordinal)))
            {
                break;
            }

            if (c == '\\')
            {
                ReadEscape(plain);
            }
            else if (c == '\'')
            {
                Flush(plain, parts, isQuoted: false);
                parts.Add(new ShellText(Between('\''), IsQuoted: true));
            }
            else if (c == '"')
            {
                Flush(plain, parts, isQuoted: false);
                ReadDoubleQuoted(parts);
            }
            else if (c is '$' or '`' && StartsExpansion())
            {
                Flush(plain, parts, isQuoted: false);
                parts.Add(ReadExpansion(isQuoted: false));
            }
            else
            {
                plain.Append(c);
                _at++;
            }
        }

        Flush(plain, parts, isQuoted: false);
        bool isDescriptor = Peek(0) is '<' or '>' && parts is [ShellText { IsQuoted: false } only]
            && only.Text.All(char.IsAsciiDigit);
        if (!isDescriptor)
        {
            _tokens.Add(new(parts, "", line));
        }
    }

    private void ReadEscape(StringBuilder plain)
    {
        if (Peek(1) == '\n')
        {
            _line++;
        }
        else if (_at + 1 < text.Length)
        {
            plain.Append(text[_at + 1]);
        }

        _at += 2;
    }

    private void ReadDoubleQuoted(List<ShellPart> parts)
    {
        int line = _line;
        _at++;
        StringBuilder plain = new();
        int before = parts.Count;
        while (Peek(0) != '"')
        {
            if (_at >= text.Length)
            {
                throw Unclosed("a double quote", line);
            }

            char c = text[_at];
            if (c == '\\' && Peek(1) is '"' or '\\' or '$' or '`' or '\n')
            {
                ReadEscape(plain);
            }
            else if (c is '$' or '`' && StartsExpansion())
            {
                Flush(plain, parts, isQuoted: true);
                parts.Add(ReadExpansion(isQuoted: true));
            }
            else
            {
                _line += c == '\n' ? 1 : 0;
                plain.Append(c);
                _at++;
            }
        }

        _at++;
        if (plain.Length > 0 || parts.Count == before)
        {
            parts.Add(new ShellText(plain.ToString(), IsQuoted: true));
        }
    }

    private bool StartsExpansion() =>
        text[_at] == '`' || Peek(1) is '{' or '(' or '@' or '*' or '#' or '?' or '_' || char.IsLetterOrDigit(Peek(1));

    private ShellPart ReadExpansion(bool isQuoted)
    {
        if (text[_at] == '`')
        {
            return new ShellOutput(Between('`'), isQuoted);
        }

        if (Peek(1) == '(' && Peek(2) == '(')
        {
            string inside = Bracketed(1, '(', ')');
            return new ShellSum(inside[1..^1], isQuoted);
        }

        if (Peek(1) == '(')
        {
            return new ShellOutput(Bracketed(1, '(', ')'), isQuoted);
        }

        if (Peek(1) == '{')
        {
            return new ShellParameter(Bracketed(1, '{', '}'), isQuoted);
        }

        int begin = ++_at;
        _at++;
        bool isName = char.IsLetter(text[begin]) || text[begin] == '_';
        while (isName && (char.IsLetterOrDigit(Peek(0)) || Peek(0) == '_'))
        {
            _at++;
        }

        return new ShellParameter(text[begin.._at], isQuoted);
    }

    /// <summary>The text between two equal quotes; moves behind the second.</summary>
    private string Between(char quote)
    {
        int end = text.IndexOf(quote, _at + 1);
        if (end < 0)
        {
            throw Unclosed($"the quote {quote}", _line);
        }

        string inside = text[(_at + 1)..end];
        foreach (char c in inside)
        {
            _line += c == '\n' ? 1 : 0;
        }

        _at = end + 1;
        return inside;
    }

    /// <summary>The text between nested brackets, the first of which stands <paramref name="offset"/> ahead; moves
    /// behind the last.</summary>
    private string Bracketed(int offset, char open, char close)
    {
        int line = _line, depth = 0, begin = _at + offset + 1;
        for (int i = _at + offset; i < text.Length; i++)
        {
            depth += text[i] == open ? 1 : text[i] == close ? -1 : 0;
            _line += text[i] == '\n' ? 1 : 0;
            if (depth == 0)
            {
                _at = i + 1;
                return text[begin..i];
            }
        }

        throw Unclosed($"the bracket {open}", line);
    }

    private static void Flush(StringBuilder plain, List<ShellPart> parts, bool isQuoted)
    {
        if (plain.Length > 0)
        {
            parts.Add(new ShellText(plain.ToString(), isQuoted));
            plain.Clear();
        }
    }

    private ConfigException Unclosed(string what, int line) =>
        new(string.Create(CultureInfo.InvariantCulture,
            $"{name}:{line}: {what} is not closed; is this a bash script?"));
}
