using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Tbrm.MathVerify.Algebra;

namespace Tbrm.MathVerify.Latex;

/// <summary>This part: functions, fractions, sums, integrals, limits, matrices.</summary>
internal sealed partial class LatexConverter
{
    private Expr Function(ParseTree tree)
    {
        ParseTree first = tree.Children[0];
        if (first.Rule is not null)
        {
            return first.Rule switch
            {
                "func_normal_single_arg" => SingleArgument(tree, first),
                "func_normal_multi_arg" => MultiArgument(tree, first),
                _ => Applied(tree, first),
            };
        }

        return first.Token.Kind switch
        {
            TokenKind.Integral => Integral(tree),
            TokenKind.SquareRoot => Root(tree),
            TokenKind.Sum or TokenKind.Product =>
                SumOrProduct(tree, first.Is(TokenKind.Sum) ? Heads.Sum : Heads.Product),
            TokenKind.Limit => Limit(tree),
            _ => ExponentialOf(tree.Find("supexpr") is { } power ? Script(power) : NumberExpr.One),
        };
    }

    private static Expr ExponentialOf(Expr exponent)
    {
        return exponent is NumberExpr number && number.Value == 1 ? ConstantExpr.E
            : exponent is NumberExpr zero && zero.Value.IsZero ? NumberExpr.One
            : exponent is ApplyExpr { Head: Heads.Log, Arguments: [{ } inner, ConstantExpr { Kind: ConstantKind.E }] }
                ? inner
            : new ApplyExpr(Heads.Exp, exponent);
    }

    private Expr SingleArgument(ParseTree tree, ParseTree nameTree)
    {
        ParseTree argumentTree = tree.Find("func_single_arg") ?? tree.Find("func_single_arg_noparens")!;
        Expr argument = argumentTree.Rule == "func_single_arg" ? Expression(argumentTree.Children[0])
            : Product(argumentTree.Children[0]);
        bool named = nameTree.Has(TokenKind.OperatorName);
        string name = named ? nameTree.Children[2].Token.Text : nameTree.Children[0].Token.Text[1..];
        Expr? power = tree.Find("supexpr") is { } superscript ? Script(superscript) : null;
        bool invertible = name is "sin" or "cos" or "tan" or "csc" or "sec" or "cot" or "sinh" or "cosh" or "tanh";
        if (invertible && power == NumberExpr.MinusOne)
        {
            name = "a" + name;
            power = null;
        }

        Expr result = named && Matrices.TryOperator(name, argument, budget) is { } matrix ? matrix : name switch
        {
            "log" or "ln" => Logarithm(tree, name, argument),
            "exp" => new ApplyExpr(Heads.Exp, RequireScalar(argument)),
            "floor" => new ApplyExpr(Heads.Floor, RequireScalar(argument)),
            "ceil" => new ApplyExpr(Heads.Ceiling, RequireScalar(argument)),
            "det" => Matrices.Determinant(argument, budget),
            _ => new ApplyExpr(InverseName(name), RequireScalar(argument)),
        };
        return power is null or NumberExpr { Value.IsZero: true } ? result : Build.Pow(result, power);
    }

    /// <summary>arcsin and arsinh are asin and asinh.</summary>
    private static string InverseName(string name)
    {
        return name.StartsWith("arc", StringComparison.Ordinal) ? "a" + name[3..]
            : name.StartsWith("ar", StringComparison.Ordinal) ? "a" + name[2..]
            : name;
    }

    private ApplyExpr Logarithm(ParseTree tree, string name, Expr argument)
    {
        Expr logBase = tree.Find("subexpr") is { } sub ? Script(sub) : name == "ln" ? ConstantExpr.E
            : new NumberExpr(10);
        return new ApplyExpr(Heads.Log, RequireScalar(argument), logBase);
    }

    private Expr MultiArgument(ParseTree tree, ParseTree nameTree)
    {
        if (tree.Find("func_multi_arg") is not { } argumentTree)
        {
            throw new LatexException("several arguments need parentheses");
        }

        Expr[] arguments = [.. Text(argumentTree).Split(',').Select(Parse)];
        string name = nameTree.Has(TokenKind.OperatorName) ? nameTree.Children[2].Token.Text
            : nameTree.Children[0].Token.Text[1..];
        Expr result = name switch
        {
            "gcd" or "lcm" => IntegerFunctions.GcdOrLcm(name, arguments, budget),
            "max" => new ApplyExpr(Heads.Max, arguments),
            "min" => new ApplyExpr(Heads.Min, arguments),
            _ => Matrices.Construct(name, arguments),
        };
        return tree.Find("supexpr") is { } power ? Build.Pow(result, Script(power)) : result;
    }

    private Expr Applied(ParseTree tree, ParseTree nameTree)
    {
        List<Expr> arguments = [];
        foreach (string argument in Text(tree.Find("func_common_args")!).TrimEnd(',').Split(','))
        {
            arguments.Add(Parse(argument));
        }

        Expr result = new ApplyExpr(Heads.Undefined + Text(nameTree), [.. arguments]);
        return tree.Find("supexpr") is { } power ? Build.Pow(result, Script(power)) : result;
    }

    private Expr Root(ParseTree tree)
    {
        Expr value = RequireScalar(Expression(tree.Find("expr")!));
        if (tree.Find("root") is not { } rootTree)
        {
            return Build.Pow(value, NumberExpr.Half);
        }

        Expr root = Expression(rootTree.Find("expr")!);
        return root is NumberExpr { Value: { IsZero: false } degree }
            ? Build.Pow(value, new NumberExpr(1 / degree))
            : Build.Pow(value, Build.Pow(root, NumberExpr.MinusOne));
    }

    private Expr Fraction(ParseTree tree)
    {
        ParseTree upper = tree.Find("expr")!;
        ParseTree lower = tree.Find("expr", 1)!;
        return Derivative(upper, lower) ?? Divide(Expression(upper), Expression(lower));
    }

    /// <summary>dy/dx and its kin; null when the fraction is an ordinary one.</summary>
    private ApplyExpr? Derivative(ParseTree upper, ParseTree lower)
    {
        // Tokens are written out for short parts only: in a nest of fractions each would write out all below it.
        if (lower.End - lower.Start > 2)
        {
            return null;
        }

        Token[] under = Tokens(lower);
        bool total = under.Length == 1 && under[0].Kind == TokenKind.Differential;
        bool partial = under.Length == 2 && under[0].Kind == TokenKind.Partial && under[1].Kind == TokenKind.Letter;
        if (!total && !partial)
        {
            return null;
        }

        SymbolExpr variable = new(total ? DifferentialVariable(under[0].Text) : under[1].Text, isReal);
        Token[] over = upper.End - upper.Start == 1 ? Tokens(upper) : [];
        if (over.Length == 1
            && (total ? over[0] is { Kind: TokenKind.Letter, Text: "d" } : over[0].Kind == TokenKind.Partial))
        {
            return new ApplyExpr(DerivativeOperator, variable);
        }

        string text = Text(upper);
        string prefix = total ? "d" : @"\partial";
        return text.StartsWith(prefix, StringComparison.Ordinal)
            ? new ApplyExpr(Heads.Derivative, Parse(text[prefix.Length..]), variable)
            : null;
    }

    private static Token[] Tokens(ParseTree tree)
    {
        List<Token> tokens = [];
        Collect(tree, tokens);
        return [.. tokens];
    }

    private static void Collect(ParseTree tree, List<Token> tokens)
    {
        if (tree.Rule is null)
        {
            tokens.Add(tree.Token);
        }

        foreach (ParseTree child in tree.Children)
        {
            Collect(child, tokens);
        }
    }

    private Expr Binomial(ParseTree tree)
    {
        Expr upper = Expression(tree.Find("expr")!);
        Expr lower = Expression(tree.Find("expr", 1)!);
        if (upper is NumberExpr { IsInteger: true } n && lower is NumberExpr { IsInteger: true } k
            && IntegerMath.Binomial(n.Value.Numerator, k.Value.Numerator, budget) is { } value)
        {
            return new NumberExpr(value);
        }

        return new ApplyExpr(Heads.Binomial, upper, lower);
    }

    private ApplyExpr Integral(ParseTree tree)
    {
        Expr integrand = tree.Find("additive") is { } body ? Sum(body)
            : tree.Find("frac") is { } fraction ? Fraction(fraction)
            : NumberExpr.One;
        SymbolExpr? variable = null;
        foreach (ParseTree child in tree.Children)
        {
            if (child.Is(TokenKind.Differential))
            {
                variable = new SymbolExpr(DifferentialVariable(child.Token.Text), isReal);
            }
        }

        if (variable is null)
        {
            SymbolExpr? differential = Rewrite.SymbolsOf(integrand)
                .FirstOrDefault(s => s.Name.Length > 1 && s.Name[0] == 'd');
            variable = new SymbolExpr(differential is null ? "x" : differential.Name[1..].TrimStart('\\'), isReal);
            integrand = differential is null ? integrand
                : Rewrite.Substitute(integrand, differential, NumberExpr.One, budget);
        }

        return tree.Find("subexpr") is { } lower
            ? new ApplyExpr(Heads.Integral, integrand, variable, Script(lower), Script(tree.Find("supexpr")!))
            : new ApplyExpr(Heads.Integral, integrand, variable);
    }

    private ApplyExpr SumOrProduct(ParseTree tree, string head)
    {
        Expr body = Product(tree.Find("mp")!);
        ParseTree equality = tree.Find("subeq")!.Find("equality")!;
        if (Expression(equality.Find("expr")!) is not SymbolExpr variable)
        {
            throw new LatexException("a sum runs over a variable");
        }

        return new ApplyExpr(head, body, variable, Expression(equality.Find("expr", 1)!),
            Script(tree.Find("supexpr")!));
    }

    private ApplyExpr Limit(ParseTree tree)
    {
        ParseTree sub = tree.Find("limit_sub")!;
        Token name = sub.Children[2].Token;
        Expr variable = name.Kind == TokenKind.Letter ? new SymbolExpr(name.Text, isReal)
            : Symbols.Named(name.Text, isReal);
        Expr side = sub.Has(TokenKind.Sub) ? NumberExpr.MinusOne : NumberExpr.One;
        return new ApplyExpr(Heads.Limit, Product(tree.Find("mp")!), variable, Expression(sub.Find("expr")!), side);
    }

    private MatrixExpr Matrix(ParseTree tree)
    {
        MatrixExpr matrix = Rows(tree);
        foreach (ParseTree transforms in tree.All("elementary_transforms").Reverse())
        {
            foreach (ParseTree transform in transforms.All("elementary_transform"))
            {
                matrix = Transform(matrix, transform.Children[0]);
            }
        }

        return matrix;
    }

    private MatrixExpr Transform(MatrixExpr matrix, ParseTree tree)
    {
        ParseTree scale = tree.Rule == "transform_scale" ? tree : tree.Find("transform_scale") ?? tree;
        Expr factor = scale.Children[0] switch
        {
            { Rule: "expr" } expression => Expression(expression),
            { Rule: "group" } group => Expression(group.Find("expr")!),
            { } sign => sign.Is(TokenKind.Sub) ? NumberExpr.MinusOne : NumberExpr.One,
        };
        (bool rows, int first) =
            Line(tree.Rule == "transform_scale" ? scale.Find("transform_atom")! : tree.Find("transform_atom")!);
        if (tree.Rule == "transform_scale")
        {
            return Matrices.ScaleLine(matrix, rows, first, factor);
        }

        (bool secondRows, int second) =
            Line(tree.Rule == "transform_swap" ? tree.Find("transform_atom", 1)! : scale.Find("transform_atom")!);
        if (rows != secondRows)
        {
            throw new LatexException("a row cannot be combined with a column");
        }

        return tree.Rule == "transform_swap"
            ? Matrices.SwapLines(matrix, rows, first, second)
            : Matrices.AddLine(matrix, rows, first, second, factor);
    }

    private static (bool Rows, int Index) Line(ParseTree tree)
    {
        string letter = tree.Children[0].Token.Text;
        foreach (ParseTree child in tree.Children)
        {
            if (child.Is(TokenKind.Number) && letter is "r" or "c"
                && int.TryParse(child.Token.Text, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
                    && number > 0)
            {
                return (letter == "r", number - 1);
            }
        }

        throw new LatexException("a row r_1, r_2, ... or a column c_1, c_2, ... was expected");
    }
}
