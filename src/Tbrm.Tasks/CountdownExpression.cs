using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Numerics;

namespace Tbrm.Tasks;

/// <summary>
/// An expression that grows by one number at a time, printed in the order in which SymPy prints such expressions: a sum
/// of terms, or a product
/// of factors over divisors, which may hold a sum as one of its factors, and so on inwards. Numbers are symbols x_0,
/// x_1, ... to the order.
/// </summary>
internal abstract class CountdownExpression
{
    /// <summary>The expression of the first number alone.</summary>
    public static CountdownExpression First(int index)
    {
        return new Product([index], [], null);
    }

    /// <summary>This expression and one more number.</summary>
    public CountdownExpression Append(string sign, int index)
    {
        return sign switch
        {
            "+" => AsSum().With(index, positive: true),
            "-" => AsSum().With(index, positive: false),
            "*" => AsProduct().Times(index),
            _ => AsProduct().Over(index),
        };
    }

    /// <summary>The text, with the numbers in place of the symbols.</summary>
    public abstract string Print(IReadOnlyList<BigInteger> numbers);

    private protected abstract Sum AsSum();

    private protected abstract Product AsProduct();

    /// <summary>SymPy's order of symbols is that of their names: x_10 comes before x_2.</summary>
    private static string SymbolName(int index)
    {
        return string.Create(CultureInfo.InvariantCulture, $"x_{index}");
    }

    private static IEnumerable<int> ByName(IEnumerable<int> symbols)
    {
        return symbols.OrderBy(SymbolName, StringComparer.Ordinal);
    }

    private static string NumberAt(IReadOnlyList<BigInteger> numbers, int index)
    {
        return numbers[index].ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Factors * Group / Divisors.</summary>
    private protected sealed class Product(List<int> factors, List<int> divisors, Sum? group) : CountdownExpression
    {
        public Product Times(int index)
        {
            return new Product([.. factors, index], divisors, group);
        }

        public Product Over(int index)
        {
            return new Product(factors, [.. divisors, index], group);
        }

        /// <summary>The power of a symbol in this product; null stands for the group.</summary>
        public int PowerOf(int? symbol)
        {
            return symbol is not { } index ? group is null ? 0 : 1 : factors.Contains(index) ? 1
                : divisors.Contains(index) ? -1 : 0;
        }

        public IEnumerable<int> Symbols()
        {
            return factors.Concat(divisors);
        }

        /// <summary>Factors by name, the group last, divisors by name.</summary>
        public override string Print(IReadOnlyList<BigInteger> numbers)
        {
            IEnumerable<string> above = ByName(factors).Select(i => NumberAt(numbers, i));
            above = group is null ? above : above.Append($"({group.Print(numbers)})");
            string[] below = [.. ByName(divisors).Select(i => NumberAt(numbers, i))];
            string top = string.Join('*', above);
            return below.Length switch
            {
                0 => top,
                1 => $"{top}/{below[0]}",
                _ => $"{top}/({string.Join('*', below)})"
            };
        }

        private protected override Sum AsSum()
        {
            return new Sum([(this, true)]);
        }

        private protected override Product AsProduct()
        {
            return this;
        }
    }

    /// <summary>Terms added or subtracted.</summary>
    private protected sealed class Sum(List<(Product Term, bool Positive)> terms) : CountdownExpression
    {
        public Sum With(int index, bool positive)
        {
            return new Sum([.. terms, (new Product([index], [], null), positive)]);
        }

        /// <summary>
        /// Terms in lexicographic order of their powers, higher powers first: of the symbols by name, and last of the
        /// group that one term may hold.
        /// </summary>
        public override string Print(IReadOnlyList<BigInteger> numbers)
        {
            int?[] generators = [.. ByName(terms.SelectMany(t => t.Term.Symbols())).Select(i => (int?)i), null];
            List<(Product Term, bool Positive)> ordered = [.. terms];
            ordered.Sort((a, b) => Compare(a.Term, b.Term, generators));
            string text = "";
            foreach ((Product term, bool positive) in ordered)
            {
                string sign = text.Length == 0 ? positive ? "" : "-" : positive ? " + " : " - ";
                text += sign + term.Print(numbers);
            }

            return text;
        }

        private protected override Sum AsSum()
        {
            return this;
        }

        private protected override Product AsProduct()
        {
            return new Product([], [], this);
        }

        private static int Compare(Product a, Product b, int?[] generators)
        {
            foreach (int? generator in generators)
            {
                int order = b.PowerOf(generator).CompareTo(a.PowerOf(generator));
                if (order != 0)
                {
                    return order;
                }
            }

            return 0;
        }
    }
}
