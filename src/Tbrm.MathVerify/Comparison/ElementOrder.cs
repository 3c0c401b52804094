using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.MathVerify.Algebra;

namespace Tbrm.MathVerify.Comparison;

/// <summary>
/// The order in which the elements of two sets are paired: numbers by value, then everything else by its value at a
/// fixed
/// point, so that equal formulas in different forms come to stand at the same place.
/// </summary>
internal static class ElementOrder
{
    private const int Bits = 128;

    public static IReadOnlyList<Expr> Sorted(IReadOnlyList<Expr> elements, Budget budget)
    {
        if (elements.Count < 2)
        {
            return elements;
        }

        List<(Key Key, Expr Element)> keyed = [.. elements.Select(e => (KeyOf(e, budget), e))];
        keyed.Sort((a, b) => a.Key.CompareTo(b.Key));
        return [.. keyed.Select(k => k.Element)];
    }

    private static Key KeyOf(Expr element, Budget budget)
    {
        Expr value = Equations.IsAssignment(element) ? Equations.Last(element).Right : element;
        List<SymbolExpr> symbols = Rewrite.SymbolsOf(value);
        Dictionary<SymbolExpr, BigComplex> point = [];
        foreach (SymbolExpr symbol in symbols)
        {
            point[symbol] = new BigFloat(NameHash(symbol.Name), -28);
        }

        List<double> values = [];
        Flatten(value, new NumericEvaluator(Bits, budget, point), values);
        int rank = value switch
        {
            NumberExpr or FloatExpr or ConstantExpr => 0,
            ApplyExpr => symbols.Count == 0 ? 0 : 1,
            SymbolExpr => 1,
            TupleExpr => 3,
            SetExpr => 4,
            _ => 5,
        };
        return new Key(rank, values);
    }

    private static void Flatten(Expr value, NumericEvaluator evaluator, List<double> values)
    {
        if (SetMath.InfinitySign(value) is var infinity and not 0)
        {
            values.Add(infinity * double.PositiveInfinity);
            return;
        }

        if (value is NumberExpr or FloatExpr or ConstantExpr or SymbolExpr or ApplyExpr)
        {
            try
            {
                BigComplex number = evaluator.Evaluate(value).Value;
                values.Add(number.Re.ToDouble());
                values.Add(number.Im.ToDouble());
            }
            catch (NotComputableException)
            {
                values.Add(0);
            }

            return;
        }

        foreach (Expr argument in value.Arguments)
        {
            Flatten(argument, evaluator, values);
        }
    }

    // Between 1 and 3, and the same on every machine and in every run.
    private static long NameHash(string name)
    {
        uint hash = 2166136261;
        foreach (char c in name)
        {
            hash = unchecked((hash ^ c) * 16777619);
        }

        return (1L << 28) + (hash >> 3);
    }

    private sealed record Key(int Rank, List<double> Values) : IComparable<Key>
    {
        public int CompareTo(Key? other)
        {
            int order = Rank.CompareTo(other!.Rank);
            for (int i = 0; order == 0 && i < Math.Min(Values.Count, other.Values.Count); i++)
            {
                order = Math.Abs(Values[i] - other.Values[i]) <= 1e-12 * Math.Abs(Values[i]) ? 0
                    : Values[i].CompareTo(other.Values[i]);
            }

            return order != 0 ? order : Values.Count.CompareTo(other.Values.Count);
        }
    }
}
