using System;
using System.Collections.Generic;
using Tbrm.MathVerify.Algebra;

namespace Tbrm.MathVerify.Latex;

/// <summary>Names of variables.</summary>
internal static class Symbols
{
    private static readonly Dictionary<string, string> s_greek = new(StringComparer.Ordinal)
    {
        ["α"] = "alpha",
        ["β"] = "beta",
        ["γ"] = "gamma",
        ["Γ"] = "Gamma",
        ["δ"] = "delta",
        ["Δ"] = "Delta",
        ["ε"] = "epsilon",
        ["ϵ"] = "varepsilon",
        ["ζ"] = "zeta",
        ["η"] = "eta",
        ["θ"] = "theta",
        ["Θ"] = "Theta",
        ["ϑ"] = "vartheta",
        ["ι"] = "iota",
        ["κ"] = "kappa",
        ["λ"] = "lambda",
        ["Λ"] = "Lambda",
        ["μ"] = "mu",
        ["ν"] = "nu",
        ["ξ"] = "xi",
        ["Ξ"] = "Xi",
        ["ο"] = "omicron",
        ["π"] = "pi",
        ["Π"] = "Pi",
        ["ϖ"] = "varpi",
        ["ρ"] = "rho",
        ["ϱ"] = "varrho",
        ["σ"] = "sigma",
        ["Σ"] = "Sigma",
        ["ς"] = "varsigma",
        ["τ"] = "tau",
        ["υ"] = "upsilon",
        ["Υ"] = "Upsilon",
        ["φ"] = "phi",
        ["Φ"] = "Phi",
        ["ϕ"] = "varphi",
        ["χ"] = "chi",
        ["ψ"] = "psi",
        ["Ψ"] = "Psi",
        ["ω"] = "omega",
        ["Ω"] = "Omega",
    };

    /// <summary>The variable (or pi) that a piece of LaTeX names. Names are lower-cased.</summary>
    public static Expr Named(string latex, bool isReal)
    {
        string name = latex.Trim();
        if (s_greek.TryGetValue(name, out string? greek))
        {
            name = greek;
        }

        if (name.StartsWith('\\'))
        {
            name = name[1..];
        }

        name = name.ToLowerInvariant();
        return name == "pi" ? ConstantExpr.Pi : new SymbolExpr(name, isReal);
    }

    /// <summary>Whether nothing but variables is in there, as in the left side of an assignment: x, a/s,
    /// f(x).</summary>
    public static bool IsOnlySymbols(Expr value)
    {
        if (value is SymbolExpr)
        {
            return true;
        }

        if (value is ApplyExpr power && power.Is(Heads.Pow) && power.Arguments[1] is NumberExpr { Value: { } exponent }
            && exponent == -1)
        {
            Expr inner = power.Arguments[0];
            return inner is SymbolExpr || AllOnlySymbols(inner.Arguments);
        }

        return value.Arguments.Count > 0 && AllOnlySymbols(value.Arguments);
    }

    private static bool AllOnlySymbols(IReadOnlyList<Expr> values)
    {
        foreach (Expr value in values)
        {
            if (!IsOnlySymbols(value))
            {
                return false;
            }
        }

        return true;
    }
}
