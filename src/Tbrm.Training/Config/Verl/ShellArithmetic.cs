using System;
using System.Globalization;

namespace Tbrm.Training.Config.Verl;

/// <summary>
/// Whole-number arithmetic of <c>$((...))</c> and <c>((...))</c>: + - * / % ( ) ! and names, comparisons, &amp;&amp;
/// and ||. Null where it is not known.
/// </summary>
/// <param name="text">The expression.</param>
/// <param name="value">The value of a name; null when it is not known.</param>
internal ref struct ShellArithmetic(string text, Func<string, string?> value)
{
    private readonly Func<string, string?> _value = value;
    private readonly ReadOnlySpan<char> _text = text;
    private int _at;
    private int _depth;

    /// <summary>The value of the whole expression.</summary>
    public long? Evaluate()
    {
        long? result = Or();
        Skip();
        return _at == _text.Length ? result : null;
    }

    private void Skip()
    {
        while (_at < _text.Length && char.IsWhiteSpace(_text[_at]))
        {
            _at++;
        }
    }

    private bool Take(string op)
    {
        Skip();
        if (!_text[_at..].StartsWith(op, StringComparison.Ordinal))
        {
            return false;
        }

        _at += op.Length;
        return true;
    }

    private long? Or()
    {
        long? left = And();
        while (Take("||"))
        {
            left = Either(left, And());
        }

        return left;
    }

    private long? And()
    {
        long? left = Comparison();
        while (Take("&&"))
        {
            long? right = Comparison();
            left = left == 0 || right == 0 ? 0 : left is null || right is null ? null : 1;
        }

        return left;
    }

    private static long? Either(long? left, long? right) => left is not null and not 0 || right is not null and not 0
        ? 1 : left is null || right is null ? null : 0;

    private long? Comparison()
    {
        long? left = Sum();
        while (true)
        {
            // Of two operators with the same beginning the longer comes first.
            if (Take("=="))
            {
                left = Truth(left, Sum(), (a, b) => a == b);
            }
            else if (Take("!="))
            {
                left = Truth(left, Sum(), (a, b) => a != b);
            }
            else if (Take("<="))
            {
                left = Truth(left, Sum(), (a, b) => a <= b);
            }
            else if (Take(">="))
            {
                left = Truth(left, Sum(), (a, b) => a >= b);
            }
            else if (Take("<"))
            {
                left = Truth(left, Sum(), (a, b) => a < b);
            }
            else if (Take(">"))
            {
                left = Truth(left, Sum(), (a, b) => a > b);
            }
            else
            {
                return left;
            }
        }
    }

    private static long? Truth(long? left, long? right, Func<long, long, bool> holds) => left is { } a && right is { } b
        ? holds(a, b) ? 1 : 0 : null;

    private bool Take(char c)
    {
        Skip();
        if (_at < _text.Length && _text[_at] == c)
        {
            _at++;
            return true;
        }

        return false;
    }

    private long? Sum()
    {
        long? left = Product();
        while (true)
        {
            if (Take('+'))
            {
                left += Product();
            }
            else if (Take('-'))
            {
                left -= Product();
            }
            else
            {
                return left;
            }
        }
    }

    private long? Product()
    {
        long? left = Unary();
        while (true)
        {
            if (Take('*'))
            {
                left *= Unary();
            }
            else if (Take('/'))
            {
                left = Unary() is { } by and not 0 ? left / by : null;
            }
            else if (Take('%'))
            {
                left = Unary() is { } by and not 0 ? left % by : null;
            }
            else
            {
                return left;
            }
        }
    }

    private long? Unary()
    {
        if (++_depth > 200)
        {
            return null;
        }

        long? result = Take('-') ? -Unary() : Take('!') ? Unary() is { } value ? value == 0 ? 1 : 0 : null : Take('(')
            ? Parenthesis() : Atom();
        _depth--;
        return result;
    }

    private long? Parenthesis()
    {
        long? inside = Or();
        return Take(')') ? inside : null;
    }

    private long? Atom()
    {
        Skip();
        int begin = _at;
        while (_at < _text.Length && (char.IsLetterOrDigit(_text[_at]) || _text[_at] is '_' or '$' or '{' or '}'))
        {
            _at++;
        }

        string word = _text[begin.._at].ToString().Trim('$', '{', '}');
        if (word.Length == 0)
        {
            return null;
        }

        string? number = char.IsDigit(word[0]) ? word : _value(word);
        return long.TryParse(number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long parsed)
            ? parsed : null;
    }
}
