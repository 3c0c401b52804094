using System;
using System.Globalization;
using System.Numerics;

namespace Tbrm.Tasks.Python;

/// <summary>
/// Evaluates what <c>eval</c> would of integer expressions: decimal and hexadecimal literals, parentheses, unary + - ~,
/// and
/// <c>* // % + - &lt;&lt; &gt;&gt;</c> with Python's precedence. A single slash may stand for floor division.
/// </summary>
internal ref struct PythonIntegerExpression
{
    // Deeper nesting than any task makes; Python's own parser gives up at 200.
    private const int MaxDepth = 200;

    // A left shift past this many bits is no answer to any task and would only fill memory.
    private const int MaxShift = 1 << 20;

    private readonly ReadOnlySpan<char> _text;
    private readonly bool _slashFloors;
    private int _position;
    private int _depth;

    private PythonIntegerExpression(ReadOnlySpan<char> text, bool slashFloors)
    {
        _text = text;
        _slashFloors = slashFloors;
    }

    /// <summary>The value of a whole expression.</summary>
    /// <param name="text">The expression.</param>
    /// <param name="slashFloors">Whether <c>/</c> means <c>//</c>.</param>
    /// <exception cref="FormatException">It is not one of the expressions above.</exception>
    /// <exception cref="DivideByZeroException">It divides by 0.</exception>
    public static BigInteger Evaluate(ReadOnlySpan<char> text, bool slashFloors = false)
    {
        PythonIntegerExpression expression = new(text, slashFloors);
        BigInteger value = expression.Shift();
        return expression.Peek() == '\0' ? value : throw expression.Unexpected();
    }

    private BigInteger Shift()
    {
        BigInteger left = Sum();
        while (true)
        {
            if (Take("<<"))
            {
                left <<= ShiftCount(Sum());
            }
            else if (Take(">>"))
            {
                BigInteger count = Sum();
                left = count > MaxShift ? (left.Sign < 0 ? -1 : 0) : left >> ShiftCount(count);
            }
            else
            {
                return left;
            }
        }
    }

    private BigInteger Sum()
    {
        BigInteger left = Product();
        while (true)
        {
            if (Take("+"))
            {
                left += Product();
            }
            else if (Take("-"))
            {
                left -= Product();
            }
            else
            {
                return left;
            }
        }
    }

    private BigInteger Product()
    {
        BigInteger left = Unary();
        while (true)
        {
            if (Take("//") || (_slashFloors && Take("/")))
            {
                left = PythonInteger.FloorDivide(left, Unary());
            }
            else if (Peek() == '*' && !_text[_position..].StartsWith("**"))
            {
                _position++;
                left *= Unary();
            }
            else if (Take("%"))
            {
                BigInteger right = Unary();
                left -= PythonInteger.FloorDivide(left, right) * right;
            }
            else
            {
                return left;
            }
        }
    }

    private BigInteger Unary()
    {
        if (++_depth > MaxDepth)
        {
            throw new FormatException($"an expression nested at most {MaxDepth} deep was expected");
        }

        BigInteger value = Take("-") ? -Unary() : Take("+") ? Unary() : Take("~") ? -Unary() - 1 : Primary();
        _depth--;
        return value;
    }

    private BigInteger Primary()
    {
        if (!Take("("))
        {
            return Literal();
        }

        BigInteger value = Shift();
        return Take(")") ? value : throw Unexpected();
    }

    private BigInteger Literal()
    {
        Peek();
        int start = _position;
        while (_position < _text.Length && (char.IsAsciiLetterOrDigit(_text[_position]) || _text[_position] == '_'))
        {
            _position++;
        }

        // A literal is what int(text, 0) reads, except that it has no sign.
        return start < _position && PythonInteger.TryParse(_text[start.._position], 0, out BigInteger value) ? value
            : throw Unexpected();
    }

    private char Peek()
    {
        while (_position < _text.Length && _text[_position] is ' ' or '\t')
        {
            _position++;
        }

        return _position < _text.Length ? _text[_position] : '\0';
    }

    private bool Take(string token)
    {
        Peek();
        if (!_text[_position..].StartsWith(token))
        {
            return false;
        }

        _position += token.Length;
        return true;
    }

    private static int ShiftCount(BigInteger count)
    {
        return count.Sign >= 0 && count <= MaxShift
            ? (int)count
            : throw new FormatException(
                $"a shift of 0 to {MaxShift} bits was expected, found {count.ToString(CultureInfo.InvariantCulture)}");
    }

    private readonly FormatException Unexpected()
    {
        return new FormatException($"an integer expression was expected, found '{_text}' (stopped at {_position})");
    }
}
