using System;
using System.Collections.Generic;
using System.Numerics;

namespace Tbrm.Tasks.Python;

/// <summary>
/// Evaluates <c>float(sympy.parse_expr(text))</c> for arithmetic: Python's operators with their precedence on exact
/// rationals and floats,
/// factorials, repeating decimals, the common functions and constants. Names are symbols and have no float value, nor
/// do tuples and lists.
/// Not covered: symbols that cancel, complex numbers whose product is real, arithmetic with lists.
/// </summary>
internal sealed class SympyExpression
{
    // Python refuses deeper parentheses; the other levels are bounded to spare our own stack.
    private const int MaxParentheses = 200;
    private const int MaxDepth = 1000;

    private static readonly string[] s_inequalities = ["<=", ">=", "<", ">"];

    private static readonly string[][] s_levels =
        [["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-"], ["*", "/", "//", "%"]];

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
            SympyValue result = expression.Conditional();
            return expression.Current.Kind == SympyTokenKind.End && result.TryToDouble(out value);
        }
        catch (FormatException)
        {
            return false;
        }
    }

    /// <summary>value if condition else other.</summary>
    private SympyValue Conditional()
    {
        SympyValue value = Disjunction();
        if (!TakeName("if"))
        {
            return value;
        }

        bool holds = Disjunction().IsTrue;
        if (!TakeName("else"))
        {
            throw new FormatException($"'else' was expected, found '{Current.Text}'");
        }

        Descend();
        SympyValue other = Conditional();
        _depth--;
        return holds ? value : other;
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

    /// <summary>a &lt; b &lt; c is a &lt; b and b &lt; c, as everywhere in Python.</summary>
    private SympyValue Comparison()
    {
        SympyValue left = Binary(0);
        SympyValue? chain = null;
        while (true)
        {
            SympyValue link;
            if (Array.Find(s_inequalities, o => Current.IsOperator(o)) is { } sign)
            {
                _position++;
                SympyValue right = Binary(0);
                (link, left) = (SympyValue.Compare(sign, left, right), right);
            }
            else if (TakeEquality() is bool equality)
            {
                SympyValue right = Binary(0);
                (link, left) = (SympyValue.Boolean(SympyValue.AreEqual(left, right) == equality), right);
            }
            else
            {
                return chain ?? left;
            }

            chain = chain is not { } before || before.IsTrue ? link : before;
        }
    }

    /// <summary>Reads an operator that asks whether two things are the same (true) or not (false); null when there is
    /// none.</summary>
    private bool? TakeEquality()
    {
        return Take("==") ? true : Take("!=") ? false : TakeName("is") ? !TakeName("not") : null;
    }

    /// <summary>Bits, shifts, sums and products: the binary operators that group from the left, loosest
    /// first.</summary>
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
        return sign == "-" ? -operand : sign == "+" ? operand + SympyValue.Integer(0)
            : SympyValue.Integer(-ToInteger(operand) - 1);
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
            case SympyTokenKind.Operator when token.Text is "(" or "[":
                return Group(token.Text == "(" ? ")" : "]");
            default:
                throw new FormatException($"a number was expected, found '{token.Text}'");
        }
    }

    /// <summary>A value in parentheses, or a tuple or list, of which an index takes one item; a whole one has no
    /// float.</summary>
    private SympyValue Group(string close)
    {
        Enter();
        List<SympyValue> items = Items(close, out bool isSequence);
        Leave(close);
        if (close == ")" && !isSequence)
        {
            return items.Count == 1 ? items[0] : SympyValue.Opaque;
        }

        if (!Take("["))
        {
            return SympyValue.Opaque;
        }

        Enter();
        BigInteger index = ToInteger(Conditional());
        Leave("]");
        index += index.Sign < 0 ? items.Count : 0;
        return index >= 0 && index < items.Count ? items[(int)index]
            : throw new FormatException("an index within the list was expected");
    }

    private List<SympyValue> Items(string close, out bool isSequence)
    {
        List<SympyValue> items = [];
        isSequence = Current.IsOperator(close);
        while (!Current.IsOperator(close))
        {
            items.Add(Conditional());
            if (!Take(","))
            {
                break;
            }

            isSequence = true;
        }

        return items;
    }

    private List<SympyValue> Arguments()
    {
        Enter();
        List<SympyValue> arguments = Items(")", out _);
        Leave(")");
        return arguments;
    }

    private void Enter()
    {
        if (++_parentheses > MaxParentheses)
        {
            throw new FormatException($"at most {MaxParentheses} nested parentheses were expected");
        }
    }

    private void Leave(string close)
    {
        _parentheses--;
        if (!Take(close))
        {
            throw new FormatException($"'{close}' was expected, found '{Current.Text}'");
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
            "<<" => SympyValue.Integer(ToInteger(left)) * SympyValue.Power(SympyValue.Integer(2),
                SympyValue.Integer(ToShift(right))),
            _ => SympyValue.FloorDivide(SympyValue.Integer(ToInteger(left)),
                SympyValue.Power(SympyValue.Integer(2), SympyValue.Integer(ToShift(right)))),
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
