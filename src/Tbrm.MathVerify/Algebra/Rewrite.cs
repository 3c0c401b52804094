using System;
using System.Collections.Generic;

namespace Tbrm.MathVerify.Algebra;

/// <summary>Rewriting of expressions: substitution and derivatives.</summary>
internal static class Rewrite
{
    /// <summary>The variables in an expression, in order of appearance; those that a sum or an integral binds are left
    /// out.</summary>
    public static List<SymbolExpr> SymbolsOf(Expr value)
    {
        List<SymbolExpr> symbols = [];
        Collect(value, symbols, []);
        return symbols;
    }

    /// <summary>Rebuilds an expression with other arguments.</summary>
    public static Expr WithArguments(Expr value, Expr[] arguments)
    {
        Budget.Charge(1 + arguments.Length / 8);
        return Remade(value, arguments);
    }

    private static Expr Remade(Expr value, Expr[] arguments) => value switch
    {
        ApplyExpr apply => new ApplyExpr(apply.Head, arguments),
        RelationExpr relation => new RelationExpr(relation.Kind, arguments[0], arguments[1]),
        ChainExpr => new ChainExpr(Array.ConvertAll(arguments, a => (RelationExpr)a)),
        TupleExpr => new TupleExpr(arguments),
        FiniteSetExpr => new FiniteSetExpr(arguments),
        IntervalExpr interval => new IntervalExpr(arguments[0], arguments[1], interval.LeftOpen, interval.RightOpen),
        SetOperationExpr operation => new SetOperationExpr(operation.Operation, arguments),
        MatrixExpr matrix => new MatrixExpr(matrix.Rows, matrix.Columns, arguments),
        _ => value,
    };

    /// <summary>Applies <paramref name="map"/> to every part, innermost first.</summary>
    public static Expr Map(Expr value, Func<Expr, Expr> map, Budget budget)
    {
        budget.Descend();
        IReadOnlyList<Expr> old = value is FiniteSetExpr set ? set.Written : value.Arguments;
        if (old.Count == 0)
        {
            return map(value);
        }

        Expr[] arguments = new Expr[old.Count];
        bool changed = false;
        for (int i = 0; i < arguments.Length; i++)
        {
            arguments[i] = Map(old[i], map, budget);
            changed |= !ReferenceEquals(arguments[i], old[i]);
        }

        return map(changed ? WithArguments(value, arguments) : value);
    }

    /// <summary>Replaces every occurrence of <paramref name="variable"/>.</summary>
    public static Expr Substitute(Expr value, Expr variable, Expr replacement, Budget budget) =>
        Map(value, part => part.Equals(variable) ? replacement : part, budget);

    /// <summary>The derivative with respect to a variable.</summary>
    public static Expr Differentiate(Expr value, SymbolExpr variable, Budget budget)
    {
        budget.Descend();
        if (value is SymbolExpr symbol)
        {
            return symbol.Equals(variable) ? NumberExpr.One : NumberExpr.Zero;
        }

        if (value is not ApplyExpr apply || !SymbolsOf(value).Contains(variable))
        {
            return NumberExpr.Zero;
        }

        switch (apply.Head)
        {
            case Heads.Add:
                return new ApplyExpr(Heads.Add, [.. Each(apply, variable, budget)]);
            case Heads.Mul:
                return ProductRule(apply, variable, budget);
            case Heads.Pow:
                return PowerRule(apply, variable, budget);
            case Heads.Log when apply.Arguments.Count == 2:
                Expr quotient = Build.Divide(
                    new ApplyExpr(Heads.Log, apply.Arguments[0], ConstantExpr.E),
                        new ApplyExpr(Heads.Log, apply.Arguments[1], ConstantExpr.E));
                return apply.Arguments[1] == ConstantExpr.E
                    ? Build.Divide(Differentiate(apply.Arguments[0], variable, budget), apply.Arguments[0])
                    : Differentiate(quotient, variable, budget);
            default:
                Expr inner = apply.Arguments.Count == 1
                    ? apply.Arguments[0]
                    : throw new NotComputableException("a derivative that is not known");
                return Build.Mul(OuterDerivative(apply.Head, inner), Differentiate(inner, variable, budget));
        }
    }

    private static IEnumerable<Expr> Each(ApplyExpr apply, SymbolExpr variable, Budget budget)
    {
        foreach (Expr argument in apply.Arguments)
        {
            yield return Differentiate(argument, variable, budget);
        }
    }

    private static ApplyExpr ProductRule(ApplyExpr product, SymbolExpr variable, Budget budget)
    {
        Expr[] terms = new Expr[product.Arguments.Count];
        for (int i = 0; i < terms.Length; i++)
        {
            budget.Spend(2 + terms.Length / 8);
            Expr[] factors = [.. product.Arguments];
            factors[i] = Differentiate(factors[i], variable, budget);
            terms[i] = new ApplyExpr(Heads.Mul, factors);
        }

        return new ApplyExpr(Heads.Add, terms);
    }

    private static Expr PowerRule(ApplyExpr power, SymbolExpr variable, Budget budget)
    {
        (Expr x, Expr n) = (power.Arguments[0], power.Arguments[1]);
        Expr inner = Differentiate(x, variable, budget);
        Expr byBase = Build.Mul(Build.Mul(n, Build.Pow(x, Build.Subtract(n, NumberExpr.One))), inner);
        Expr outer = Differentiate(n, variable, budget);
        return outer == NumberExpr.Zero
            ? byBase
            : Build.FlatAdd(byBase, Build.Mul(Build.Mul(power, new ApplyExpr(Heads.Log, x, ConstantExpr.E)), outer));
    }

    private static Expr OuterDerivative(string head, Expr x)
    {
        Expr square = Build.Pow(x, Build.Integer(2));
        Expr Root(Expr inside) => Build.Pow(inside, Build.Number(new BigRational(-1, 2)));
        return head switch
        {
            Heads.Exp => new ApplyExpr(Heads.Exp, x),
            "sin" => new ApplyExpr("cos", x),
            "cos" => Build.Negate(new ApplyExpr("sin", x)),
            "tan" => Build.Pow(new ApplyExpr("cos", x), Build.Integer(-2)),
            "cot" => Build.Negate(Build.Pow(new ApplyExpr("sin", x), Build.Integer(-2))),
            "sec" => Build.Mul(new ApplyExpr("sec", x), new ApplyExpr("tan", x)),
            "csc" => Build.Negate(Build.Mul(new ApplyExpr("csc", x), new ApplyExpr("cot", x))),
            "asin" => Root(Build.Subtract(NumberExpr.One, square)),
            "acos" => Build.Negate(Root(Build.Subtract(NumberExpr.One, square))),
            "atan" => Build.Pow(Build.FlatAdd(NumberExpr.One, square), NumberExpr.MinusOne),
            "sinh" => new ApplyExpr("cosh", x),
            "cosh" => new ApplyExpr("sinh", x),
            "tanh" => Build.Pow(new ApplyExpr("cosh", x), Build.Integer(-2)),
            _ => throw new NotComputableException($"the derivative of {head} is not known"),
        };
    }

    private static void Collect(Expr value, List<SymbolExpr> symbols, List<SymbolExpr> bound)
    {
        System.Runtime.CompilerServices.RuntimeHelpers.EnsureSufficientExecutionStack();
        Budget.Charge(1);
        if (value is SymbolExpr symbol)
        {
            Budget.Charge((symbols.Count + bound.Count) / 4);
            if (!bound.Contains(symbol) && !symbols.Contains(symbol))
            {
                symbols.Add(symbol);
            }

            return;
        }

        bool binds = value is ApplyExpr
        {
            Head: Heads.Sum or Heads.Product or Heads.Limit or Heads.Integral,
            Arguments.Count: 4
        };
        for (int i = 0; i < value.Arguments.Count; i++)
        {
            if (binds && i == 0)
            {
                bound.Add((SymbolExpr)value.Arguments[1]);
                Collect(value.Arguments[0], symbols, bound);
                bound.RemoveAt(bound.Count - 1);
            }
            else if (!binds || i != 1)
            {
                Collect(value.Arguments[i], symbols, bound);
            }
        }
    }
}
