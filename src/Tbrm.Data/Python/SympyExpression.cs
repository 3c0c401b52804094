using System;
using System.Collections.Generic;
using System.Numerics;

namespace Tbrm.Data.Python;

/// <summary>
/// Evaluates <c>float(sympy.parse_expr(text))</c> for arithmetic: Python's operators with their precedence on exact rationals and floats,
/// factorials, the common functions and constants. Names are symbols and have no float value, nor do tuples and lists.
/// Not covered: lists with an index, conditional expressions, SymPy's repeating decimals, symbols that cancel.
/// </summary>
internal sealed class SympyExpression
{
    // Python refuses deeper parentheses; the other levels are bounded to spare our own stack.
    private const int MaxParentheses = 200;
    private const int MaxDepth = 1000;

    private static readonly string[][] s_levels = [["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-"], ["*", "/", "//", "%"]];

    private readonly List<SympyToken> _tokens;
    private int _position;
    private int _parentheses;
    private int _depth;

    private SympyExpression(List<SympyToken> tokens)
    {
        _tokens = tokens;
    }

    private SympyToken Current => _tokens[_position];

    /// <summary>The float; false where Python raises, be it in parsing or in <c>float()</c>.</summary>
    public static bool TryEvaluate(string text, out double value)
    {
        value = 0;
        try
        {
            SympyExpression expression = new(SympyToken.Scan(text));
            SympyValue result = expression.Disjunction();
            return expression.Current.Kind == SympyTokenKind.End && result.TryToDouble(out value);
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private SympyValue Disjunction()
    {
        SympyValue left = Conjunction();
        while (TakeName("or"))
        {
            SympyValue right = Conjunction();
            left = left.IsTrue ? left : right;
        }

        return left;
    }

    private SympyValue Conjunction()
    {
        SympyValue left = Negation();
        while (TakeName("and"))
        {
            SympyValue right = Negation();
            left = left.IsTrue ? right : left;
        }

        return left;
    }

    private SympyValue Negation()
    {
        if (!TakeName("not"))
        {
            return Comparison();
        }

        Descend();
        SympyValue value = SympyValue.Boolean(!Negation().IsTrue);
        _depth--;
        return value;
    }

    private SympyValue Comparison()
    {
        SympyValue left = Binary(0);
        while (true)
        {
            if (Take("<=") || Take(">=") || Take("<") || Take(">"))
            {
                // SymPy's own truth values have no float.
                Binary(0);
                left = SympyValue.Opaque;
            }
            else if (TakeEquality() is bool equality)
            {
                left = SympyValue.Boolean(SympyValue.AreEqual(left, Binary(0)) == equality);
            }
            else
            {
                return left;
            }
        }
    }

    /// <summary>Reads an operator that asks whether two things are the same (true) or not (false); null when there is none.</summary>
    private bool? TakeEquality()
    {
        return Take("==") ? true : Take("!=") ? false : TakeName("is") ? !TakeName("not") : null;
    }

    /// <summary>Bits, shifts, sums and products: the binary operators that group from the left, loosest first.</summary>
    private SympyValue Binary(int level)
    {
        if (level == s_levels.Length)
        {
            return Unary();
        }

        SympyValue left = Binary(level + 1);
        while (Array.Find(s_levels[level], o => Current.IsOperator(o)) is { } sign)
        {
            _position++;
            left = Apply(sign, left, Binary(level + 1));
        }

        return left;
    }

    private SympyValue Unary()
    {
        if (!Current.IsOperator("-") && !Current.IsOperator("+") && !Current.IsOperator("~"))
        {
            return Power();
        }

        string sign = Current.Text;
        _position++;
        Descend();
        SympyValue operand = Unary();
        _depth--;
        return sign == "-" ? -operand : sign == "+" ? operand + SympyValue.Integer(0) : SympyValue.Integer(-ToInteger(operand) - 1);
    }

    private SympyValue Power()
    {
        SympyValue left = Postfix();
        if (!Take("**"))
        {
            return left;
        }

        Descend();
        SympyValue exponent = Unary();
        _depth--;
        return SympyValue.Power(left, exponent);
    }

    private SympyValue Postfix()
    {
        SympyValue value = Primary();
        while (true)
        {
            if (Take("!!"))
            {
                value = SympyValue.Factorial(value, 2);
            }
            else if (Take("!"))
            {
                value = SympyValue.Factorial(value, 1);
            }
            else
            {
                return value;
            }
        }
    }

    private SympyValue Primary()
    {
        SympyToken token = Current;
        _position++;
        switch (token.Kind)
        {
            case SympyTokenKind.Number:
                return token.Value;
            case SympyTokenKind.Name:
                return Take("(") ? SympyFunctions.Call(token.Text, Arguments()) : SympyFunctions.Constant(token.Text);
            default:
                if (!token.IsOperator("("))
                {
                    throw new FormatException($"a number was expected, found '{token.Text}'");
                }

                Enter();
                SympyValue value = Disjunction();
                Leave();
                return value;
        }
    }

    private List<SympyValue> Arguments()
    {
        Enter();
        List<SympyValue> arguments = [];
        while (!Current.IsOperator(")"))
        {
            arguments.Add(Disjunction());
            if (!Take(","))
            {
                break;
            }
        }

        Leave();
        return arguments;
    }

    private void Enter()
    {
        if (++_parentheses > MaxParentheses)
        {
            throw new FormatException($"at most {MaxParentheses} nested parentheses were expected");
        }
    }

    private void Leave()
    {
        _parentheses--;
        if (!Take(")"))
        {
            throw new FormatException($"')' was expected, found '{Current.Text}'");
        }
    }

    private void Descend()
    {
        if (++_depth > MaxDepth)
        {
            throw new FormatException($"at most {MaxDepth} nested operators were expected");
        }
    }

    private bool Take(string sign)
    {
        bool found = Current.IsOperator(sign);
        _position += found ? 1 : 0;
        return found;
    }

    private bool TakeName(string name)
    {
        bool found = Current.IsName(name);
        _position += found ? 1 : 0;
        return found;
    }

    private static SympyValue Apply(string sign, SympyValue left, SympyValue right)
    {
        return sign switch
        {
            "+" => left + right,
            "-" => left - right,
            "*" => left * right,
            "/" => left / right,
            "//" => SympyValue.FloorDivide(left, right),
            "%" => SympyValue.Modulo(left, right),
            "|" => SympyValue.Integer(ToInteger(left) | ToInteger(right)),
            "^" => SympyValue.Integer(ToInteger(left) ^ ToInteger(right)),
            "&" => SympyValue.Integer(ToInteger(left) & ToInteger(right)),
            "<<" => left * SympyValue.Power(SympyValue.Integer(2), SympyValue.Integer(ToShift(right))),
            _ => SympyValue.FloorDivide(left, SympyValue.Power(SympyValue.Integer(2), SympyValue.Integer(ToShift(right)))),
        };
    }

    private static BigInteger ToShift(SympyValue value)
    {
        BigInteger count = ToInteger(value);
        return count.Sign >= 0 ? count : throw new FormatException("a shift of at least 0 bits was expected");
    }

    private static BigInteger ToInteger(SympyValue value)
    {
        return value.IsInteger ? value.Numerator : throw new FormatException("an integer was expected");
    }
}
