using System;
using System.Linq;
using Tbrm.MathVerify.Algebra;

namespace Tbrm.MathVerify.Comparison;

/// <summary>Comparison when one side is a single variable or word: by name.</summary>
internal static class SymbolComparer
{
    private const long MaxPrintedBits = 20_000;

    public static bool AreEqual(Expr gold, Expr answer)
    {
        if (IsNamedE(gold) && answer == ConstantExpr.E || (IsNamedE(answer) && gold == ConstantExpr.E))
        {
            return true;
        }

        // "abc" is read as a*b*c, \text{abc} as one word.
        if (gold is SymbolExpr word && Concatenated(answer) is { } letters)
        {
            return string.Equals(word.Name, letters, StringComparison.OrdinalIgnoreCase);
        }

        if (answer is SymbolExpr answerWord && Concatenated(gold) is { } goldLetters)
        {
            return string.Equals(answerWord.Name, goldLetters, StringComparison.OrdinalIgnoreCase);
        }

        if (gold is SymbolExpr a && answer is SymbolExpr b)
        {
            return Folded(a.Name) == Folded(b.Name);
        }

        // A long number is not written out to be told from a short word.
        return !IsLong(gold) && !IsLong(answer) && Printed(gold) is { } goldText && goldText == Printed(answer);
    }

    private static bool IsLong(Expr value) => value is NumberExpr { Value.BitLength: > MaxPrintedBits }
        || (value is ApplyExpr { Head: Heads.Held } held && IsLong(held.Arguments[0]));

    private static bool IsNamedE(Expr value) => value is SymbolExpr { Name: "e" or "E" };

    private static string Folded(string name) => name.Length > 1 ? name.ToLowerInvariant() : name;

    private static string? Concatenated(Expr value)
    {
        return value is ApplyExpr { Head: Heads.Mul } product
            && product.Arguments.All(a => a is SymbolExpr || a == ConstantExpr.E)
            ? string.Concat(product.Arguments.Select(a => a is SymbolExpr symbol ? symbol.Name : "e"))
            : null;
    }

    /// <summary>The text of what prints as a single word; a word of the same letters is the same answer.</summary>
    private static string? Printed(Expr value) => value switch
    {
        SymbolExpr symbol => symbol.Name,
        NumberExpr number => number.Value.ToString(),
        ApplyExpr { Head: Heads.Held } held => Printed(held.Arguments[0]),
        ConstantExpr { Kind: ConstantKind.Pi } => "pi",
        ConstantExpr { Kind: ConstantKind.E } => "E",
        ConstantExpr { Kind: ConstantKind.ImaginaryUnit } => "I",
        ConstantExpr { Kind: ConstantKind.Infinity } => "oo",
        _ => null,
    };
}
