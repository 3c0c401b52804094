using System;
using System.Globalization;
using System.Numerics;

namespace Tbrm.Tasks.Python;

/// <summary>
/// Evaluates expressions of decimal literals, parentheses and <c>+ - * /</c> in a decimal context. A literal with a
/// point passes through a
/// float and its <c>repr</c>, as it does on its way through Python's <c>ast</c>.
/// </summary>
internal ref struct PythonDecimalExpression
{
    private readonly ReadOnlySpan<char> _text;
    private readonly DecimalContext _context;
    private int _position;

    private PythonDecimalExpression(ReadOnlySpan<char> text, DecimalContext context)
    {
        _text = text;
        _context = context;
    }

    /// <summary>The value of a whole expression.</summary>
    /// <exception cref="FormatException">It is not one of the expressions above.</exception>
    /// <exception cref="DivideByZeroException">It divides by 0.</exception>
    public static PythonDecimal Evaluate(ReadOnlySpan<char> text, DecimalContext context)
    {
        PythonDecimalExpression expression = new(text, context);
        PythonDecimal value = expression.Sum();
        return expression._position == text.Length ? value : throw expression.Unexpected();
    }

    private PythonDecimal Sum()
    {
        PythonDecimal left = Product();
        while (Peek() is '+' or '-')
        {
            bool add = _text[_position++] == '+';
            PythonDecimal right = Product();
            left = add ? _context.Add(left, right) : _context.Subtract(left, right);
        }

        return left;
    }

    private PythonDecimal Product()
    {
        PythonDecimal left = Primary();
        while (Peek() is '*' or '/')
        {
            bool multiply = _text[_position++] == '*';
            PythonDecimal right = Primary();
            left = multiply ? _context.Multiply(left, right) : _context.Divide(left, right);
        }

        return left;
    }

    private PythonDecimal Primary()
    {
        if (Peek() != '(')
        {
            return Literal();
        }

        _position++;
        PythonDecimal value = Sum();
        if (Peek() != ')')
        {
            throw Unexpected();
        }

        _position++;
        return value;
    }

    private PythonDecimal Literal()
    {
        int start = _position;
        while (char.IsAsciiDigit(Peek()) || Peek() == '.')
        {
            _position++;
        }

        ReadOnlySpan<char> literal = _text[start.._position];
        if (!literal.Contains('.'))
        {
            return BigInteger.TryParse(literal, NumberStyles.None, CultureInfo.InvariantCulture, out BigInteger integer)
                ? PythonDecimal.FromInteger(integer)
                : throw Unexpected();
        }

        return double.TryParse(literal, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number)
            && PythonDecimal.TryParse(PythonFloat.Repr(number), out PythonDecimal value)
            ? value
            : throw Unexpected();
    }

    private readonly char Peek()
    {
        return _position < _text.Length ? _text[_position] : '\0';
    }

    private readonly FormatException Unexpected()
    {
        return new FormatException(
            $"an expression of decimal numbers was expected, found '{_text}' (stopped at {_position})");
    }
}
