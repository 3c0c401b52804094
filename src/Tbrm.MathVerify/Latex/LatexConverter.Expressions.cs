using System;
using System.Collections.Generic;
using System.Text;
using Tbrm.MathVerify.Algebra;

namespace Tbrm.MathVerify.Latex;

/// <summary>This part: sums, products, powers, atoms.</summary>
internal sealed partial class LatexConverter
{
    /// <summary>What d/dx is until it meets its operand.</summary>
    private const string DerivativeOperator = "d/d";

    private Expr Expression(ParseTree tree)
    {
        budget.Descend();
        return Sum(tree.Rule == "additive" ? tree : tree.Children[0]);
    }

    private Expr Sum(ParseTree tree)
    {
        Expr first = Product(tree.Children[0]);
        if (tree.Children.Length == 1)
        {
            return first;
        }

        // Terms are gathered and joined once: adding them one by one would copy the sum each time.
        List<Expr> terms = [first];
        for (int i = 2; i < tree.Children.Length; i += 2)
        {
            Expr term = Product(tree.Children[i]);
            if (tree.Children[i - 1].Is(TokenKind.Sub))
            {
                term = Negate(term);
            }

            if (Matrices.Involves(terms[^1], term))
            {
                Expr before = terms.Count == 1 ? terms[0] : Build.FlatAdd(terms);
                terms = [Matrices.Add(before, term)];
            }
            else
            {
                terms.Add(term);
            }
        }

        return terms.Count == 1 ? terms[0] : Build.FlatAdd(terms);
    }

    private static Expr Negate(Expr value)
    {
        return Matrices.Involves(value, value) ? Matrices.Multiply(NumberExpr.MinusOne, value) : Build.Negate(value);
    }

    private Expr Product(ParseTree tree)
    {
        Expr result = Unary(tree.Children[0]);
        for (int i = 2; i < tree.Children.Length; i += 2)
        {
            Expr factor = Unary(tree.Children[i]);
            result = tree.Children[i - 1].Token.Kind switch
            {
                TokenKind.Mul => Times(result, factor),
                TokenKind.Mod => new ApplyExpr(Heads.Mod, result, factor),
                _ => Divide(result, factor),
            };
        }

        return result;
    }

    private static Expr Times(Expr left, Expr right) =>
        Matrices.Involves(left, right) ? Matrices.Multiply(left, right) : Build.FlatMul(left, right);

    private static Expr Divide(Expr left, Expr right)
    {
        if (Matrices.Involves(left, right))
        {
            return Matrices.Multiply(left, Build.Pow(right, NumberExpr.MinusOne));
        }

        if (left is NumberExpr { IsInteger: true } numerator && right is NumberExpr { IsInteger: true } denominator)
        {
            if (denominator.Value.IsZero)
            {
                return numerator.Value.IsZero ? ConstantExpr.NotANumber : ConstantExpr.ComplexInfinity;
            }

            return new NumberExpr(numerator.Value / denominator.Value);
        }

        return Build.Divide(left, right);
    }

    private Expr Unary(ParseTree tree)
    {
        budget.Descend();
        if (tree.Children[0].Rule is null)
        {
            Expr operand = Unary(tree.Children[1]);
            return tree.Children[0].Is(TokenKind.Add) ? operand : Negate(operand);
        }

        return Juxtaposed(tree.Children);
    }

    /// <summary>Neighbours multiply, from the right; an integer before a positive fraction or integer is a mixed
    /// number.</summary>
    private Expr Juxtaposed(ParseTree[] factors)
    {
        Expr? result = null;
        for (int i = factors.Length - 1; i >= 0; i--)
        {
            Expr factor = Postfix(factors[i]);
            if (factor is ApplyExpr { Head: DerivativeOperator } derivative)
            {
                result = result is null
                    ? throw new LatexException("an operand was expected after d/dx")
                    : new ApplyExpr(Heads.Derivative, result, derivative.Arguments[0]);
            }
            else if (result is null)
            {
                result = factor;
            }
            else if (!Matrices.Involves(factor, result) && factor is NumberExpr { IsInteger: true } whole
                && result is NumberExpr { Value.Sign: > 0 } fraction)
            {
                result = new NumberExpr(
                    whole.Value.Sign < 0 ? whole.Value - fraction.Value : whole.Value + fraction.Value);
            }
            else
            {
                result = Times(factor, result);
            }
        }

        return result!;
    }

    private Expr Postfix(ParseTree tree)
    {
        Expr result = Power(tree.Children[0]);
        for (int i = 1; i < tree.Children.Length; i++)
        {
            ParseTree operation = tree.Children[i].Children[0];
            if (result is ApplyExpr { Head: DerivativeOperator })
            {
                throw new LatexException("d/dx stands before its operand");
            }

            if (operation.Is(TokenKind.Bang))
            {
                result = new ApplyExpr(Heads.Factorial, result);
            }
            else if (operation.Is(TokenKind.Transpose))
            {
                result = result is MatrixExpr matrix ? Matrices.Transpose(matrix) : result;
            }
            else if (operation.Rule == "eval_at")
            {
                result = EvaluateAt(result, operation);
            }
        }

        return result;
    }

    private Expr EvaluateAt(Expr value, ParseTree tree)
    {
        Expr? upper = tree.Find("eval_at_sup") is { } above ? SubstituteAt(value, above) : null;
        Expr? lower = tree.Find("eval_at_sub") is { } below ? SubstituteAt(value, below) : null;
        if (upper is not null && lower is not null)
        {
            return Build.FlatAdd(upper, Build.FlatMul(lower, NumberExpr.MinusOne));
        }

        return upper ?? lower!;
    }

    private Expr SubstituteAt(Expr value, ParseTree tree)
    {
        if (tree.Find("equality") is not { } equality)
        {
            return value; // a bare number names no variable
        }

        Expr variable = Expression(equality.Find("expr")!);
        Expr replacement = Expression(equality.Find("expr", 1)!);
        return Rewrite.Substitute(value, variable, replacement, budget);
    }

    private Expr Power(ParseTree tree)
    {
        Expr result = Component(tree.Children[0]);
        foreach (ParseTree exponent in tree.All("exponent"))
        {
            if (result is ApplyExpr { Head: DerivativeOperator })
            {
                throw new LatexException("d/dx has no power");
            }

            result = Build.Pow(result, Script(exponent));
        }

        return result;
    }

    /// <summary>The value of a subscript, superscript or exponent: an atom, or an expression in braces.</summary>
    private Expr Script(ParseTree tree)
    {
        return tree.Find("atom") is { } atom ? Atom(atom)
            : tree.Find("expr") is { } expression ? Expression(expression)
            : throw new LatexException("a single value was expected in the subscript");
    }

    private Expr Component(ParseTree tree)
    {
        budget.Descend();
        ParseTree child = tree.Children[0];
        switch (child.Rule)
        {
            case "group" or "formatting_group":
                return Expression(child.Find("expr")!);
            case "norm_group":
                return Matrices.Norm(Expression(child.Find("expr")!));
            case "abs_group":
                return new ApplyExpr(Heads.Abs, RequireScalar(Expression(child.Find("expr")!)));
            case "floor_group":
                return new ApplyExpr(Heads.Floor, RequireScalar(Expression(child.Find("expr")!)));
            case "ceil_group":
                return new ApplyExpr(Heads.Ceiling, RequireScalar(Expression(child.Find("expr")!)));
            case "atom":
                return Atom(child);
            case "frac":
                return Fraction(child);
            case "binom":
                return Binomial(child);
            case "matrix":
                return Matrix(child);
            case "det":
                return Matrices.Determinant(Rows(child), budget);
            case "func":
                return Function(child);
            default:
                throw new LatexException("inner products are not understood");
        }
    }

    private static Expr RequireScalar(Expr value) =>
        Matrices.Involves(value, value) ? throw new LatexException("a number was expected, not a matrix") : value;

    private Expr Atom(ParseTree tree)
    {
        ParseTree child = tree.Children[0];
        if (child.Rule == "atom_expr")
        {
            return AtomExpression(child);
        }

        string text = child.Token.Text;
        return child.Rule == "number_subexpr" ? Number(child.Children[0].Token.Text) : child.Token.Kind switch
        {
            TokenKind.Infinity => ConstantExpr.Infinity,
            TokenKind.ScientificNumber => Number(text),
            TokenKind.CapitalE => new SymbolExpr("e", isReal),
            TokenKind.Differential => new SymbolExpr("d" + DifferentialVariable(text), isReal),
            TokenKind.Variable => Variable(text),
            TokenKind.PercentNumber => Build.Percent(Number(text.TrimEnd('%').TrimEnd('\\').TrimEnd())),
            _ => throw new LatexException($"'{text}' is not understood here"),
        };
    }

    private Expr Variable(string token)
    {
        string name = token[(token.IndexOf('{', StringComparison.Ordinal) + 1)..token.LastIndexOf('}')];
        SymbolExpr symbol = new(name.ToLowerInvariant(), isReal);
        return token.EndsWith('%') ? Build.Percent(symbol) : symbol;
    }

    private static Expr Number(string text)
    {
        string digits = text.Replace('−', '-').Replace('∸', '-').Replace("∔", "", StringComparison.Ordinal);
        return NumberReader.Read(digits);
    }

    private static string DifferentialVariable(string token) => token[1..].TrimStart(' ', '\t', '\r', '\n')
        .TrimStart('\\');

    private Expr AtomExpression(ParseTree tree)
    {
        Token token = tree.Children[0].Token;
        if (token.Kind == TokenKind.Letter && token.Text == "I")
        {
            return ConstantExpr.ImaginaryUnit;
        }

        string name = token.Kind == TokenKind.Accent ? AccentName(token.Text) : token.Text;
        string subscript = tree.Find("subexpr") is { } sub ? Subscript(sub) : "";
        Expr symbol = Symbols.Named(name.Trim() + subscript, isReal);
        return tree.Find("supexpr") is { } exponent ? Build.Pow(symbol, Script(exponent)) : symbol;
    }

    private static string AccentName(string token)
    {
        int brace = token.IndexOf('{', StringComparison.Ordinal);
        string accent = token[1..brace];
        string text = token[(brace + 1)..^1].Replace(" ", "", StringComparison.Ordinal);
        if (accent.Contains("text", StringComparison.Ordinal) || accent.Contains("mbox", StringComparison.Ordinal))
        {
            // Text is its letters: \text{(C)} and C are the same answer.
            return text.Replace("(", "", StringComparison.Ordinal).Replace(")", "", StringComparison.Ordinal);
        }

        string kind = accent switch
        {
            "bar" or "overline" => "bar",
            "vec" or "overrightarrow" => "vec",
            "tilde" or "widetilde" => "tilde",
            _ => accent.Contains("math", StringComparison.Ordinal) ? "math" : accent,
        };
        return $"{kind}{{{text}}}";
    }

    private string Subscript(ParseTree tree)
    {
        ParseTree inner = tree.Find("atom") ?? tree.Find("expr") ?? tree.Find("args")!;
        string text = Text(inner).Trim();
        return text.Length > 1 ? $"_{{{text}}}" : $"_{text}";
    }

    /// <summary>The text of a piece of the tree without its blanks.</summary>
    private string Text(ParseTree tree)
    {
        StringBuilder text = new();
        Append(tree, text);
        return text.ToString();
    }

    private void Append(ParseTree tree, StringBuilder text)
    {
        budget.Spend();
        if (tree.Rule is null)
        {
            text.Append(tree.Token.Text);
        }

        foreach (ParseTree child in tree.Children)
        {
            Append(child, text);
        }
    }

    private MatrixExpr Rows(ParseTree tree)
    {
        List<Expr> items = [];
        int rows = 0;
        int columns = -1;
        foreach (ParseTree row in tree.All("matrix_row"))
        {
            int before = items.Count;
            foreach (ParseTree cell in row.All("expr"))
            {
                items.Add(Expression(cell));
            }

            if (columns >= 0 && items.Count - before != columns)
            {
                throw new LatexException("the matrix's rows differ in length");
            }

            columns = items.Count - before;
            rows++;
        }

        return new MatrixExpr(rows, columns, [.. items]);
    }
}
