using System.Linq;
using Tbrm.MathVerify.Algebra;
using Tbrm.MathVerify.Latex;

namespace Tbrm.MathVerify.Comparison;

/// <summary>What kind of statement an expression is.</summary>
internal static class Equations
{
    public static bool IsRelation(Expr value) => value is RelationExpr or ChainExpr;

    /// <summary>One equation or a chain of nothing but equations.</summary>
    public static bool IsEquation(Expr value) => value switch
    {
        RelationExpr relation => relation.Kind == RelationKind.Equal,
        ChainExpr chain => chain.Links.All(l => l.Kind == RelationKind.Equal),
        _ => false,
    };

    /// <summary>An equation whose left side is made of variables only.</summary>
    public static bool IsAssignment(Expr value) => IsEquation(value) && Symbols.IsOnlySymbols(First(value).Left);

    public static RelationExpr First(Expr value) => value is ChainExpr chain ? chain.Links[0] : (RelationExpr)value;

    public static RelationExpr Last(Expr value) => value is ChainExpr chain ? chain.Links[^1] : (RelationExpr)value;
}
