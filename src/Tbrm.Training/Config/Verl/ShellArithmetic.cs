using System;
using System.Globalization;

namespace Tbrm.Training.Config.Verl;

/// <summary>Whole-number arithmetic of <c>$((...))</c>: + - * / % ( ) and names. Null where it is not known.</summary>
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
        long? result = Sum();
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

        long? result = Take('-') ? -Unary() : Take('(') ? Parenthesis() : Atom();
        _depth--;
        return result;
    }

    private long? Parenthesis()
    {
        long? inside = Sum();
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
        return long.TryParse(number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long parsed) ? parsed : null;
    }
}
