using System.Collections.Generic;
using System.Linq;
using Tbrm.MathVerify.Algebra;

namespace Tbrm.MathVerify.Comparison;

/// <summary>
/// Whether an answer equals the gold answer: Math-Verify 0.8.0's <c>sympy_expr_eq</c> (grader.py), case by case. Not
/// symmetric.
/// </summary>
internal sealed class ExpressionComparer
{
    private readonly ComparisonOptions _options;
    private readonly Budget _budget;
    private readonly NumberComparer _numbers;
    private readonly SetComparer _sets;
    private readonly RelationComparer _relations;

    public ExpressionComparer(ComparisonOptions options, Budget budget)
    {
        _options = options;
        _budget = budget;
        _numbers = new NumberComparer(options, budget);
        _sets = new SetComparer(this, budget);
        _relations = new RelationComparer(this, budget);
    }

    /// <summary>The top-level comparison, with the caller's options.</summary>
    public bool AreEqual(Expr gold, Expr answer)
    {
        if (!_options.Strict)
        {
            answer = RenameSymbols(gold, answer);
        }

        return AreEqual(gold, answer, _options.AllowSetRelationComparison);
    }

    /// <summary>The comparison of parts: strict, and without set-relation comparison.</summary>
    public bool ArePartsEqual(Expr gold, Expr answer) => AreEqual(gold, answer, false);

    private bool AreEqual(Expr gold, Expr answer, bool allowSetRelation)
    {
        _budget.Descend();
        Unwrap(ref gold, ref answer);
        if (Equations.IsRelation(gold) && answer is SetExpr)
        {
            gold = RelationSets.AsSet(gold, _budget) ?? gold;
        }

        if (allowSetRelation && Equations.IsRelation(answer) && gold is SetExpr)
        {
            answer = RelationSets.AsSet(answer, _budget) ?? answer;
        }

        if (IsUndefined(gold) || gold is ConstantExpr { Kind: ConstantKind.True or ConstantKind.False }
            || answer is ConstantExpr { Kind: ConstantKind.True or ConstantKind.False })
        {
            return false;
        }

        if (gold == answer)
        {
            return true;
        }

        if (Equations.IsRelation(gold) && Equations.IsRelation(answer))
        {
            return _relations.AreEqual(gold, answer);
        }

        if (gold is SetExpr or TupleExpr || answer is SetExpr or TupleExpr)
        {
            return _sets.AreEqual(gold, answer);
        }

        if (gold is SymbolExpr || answer is SymbolExpr)
        {
            return SymbolComparer.AreEqual(gold, answer);
        }

        return !Equations.IsRelation(gold) && !Equations.IsRelation(answer)
            && (_numbers.AreNumericallyEqual(gold, answer) || _numbers.AreSymbolicallyEqual(gold, answer));
    }

    /// <summary>Reduces assignments: x = y = 3 to x = 3, and to the bare 3 where the other side has no
    /// equation.</summary>
    private static void Unwrap(ref Expr gold, ref Expr answer)
    {
        bool goldAssigns = Equations.IsAssignment(gold);
        bool goldEquates = Equations.IsEquation(gold);
        bool answerEquates = Equations.IsEquation(answer);
        if (goldAssigns)
        {
            gold = new RelationExpr(RelationKind.Equal, Equations.First(gold).Left, Equations.Last(gold).Right);
        }

        if (Equations.IsAssignment(answer))
        {
            answer = new RelationExpr(RelationKind.Equal, Equations.First(answer).Left, Equations.Last(answer).Right);
        }

        if (answerEquates && !goldEquates)
        {
            answer = Equations.Last(answer).Right;
        }
        else if (goldAssigns && !answerEquates)
        {
            gold = Equations.Last(gold).Right;
        }
    }

    private static bool IsUndefined(Expr value) =>
        value is ConstantExpr { Kind: ConstantKind.NotANumber or ConstantKind.ComplexInfinity };

    private Expr RenameSymbols(Expr gold, Expr answer)
    {
        List<SymbolExpr> from = [.. Rewrite.SymbolsOf(answer).OrderBy(s => s.Name, System.StringComparer.Ordinal)];
        List<SymbolExpr> to = [.. Rewrite.SymbolsOf(gold).OrderBy(s => s.Name, System.StringComparer.Ordinal)];
        if (from.Count != to.Count)
        {
            return answer;
        }

        // Renaming makes sympy evaluate the relations that it meets, and one between a number and a set is False.
        bool renames = !from.SequenceEqual(to);
        return Rewrite.Map(
            answer,
            part => part is SymbolExpr symbol && from.IndexOf(symbol) is var at and >= 0 ? to[at]
                : renames && part is RelationExpr relation && relation.Left is SetExpr != relation.Right is SetExpr
                    ? ConstantExpr.False : part,
            _budget);
    }
}
