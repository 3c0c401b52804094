using System.Collections.Generic;
using System.Linq;
using Tbrm.MathVerify.Algebra;

namespace Tbrm.MathVerify.Comparison;

/// <summary>Comparison of sets, intervals and tuples. A bare value counts as the set of it.</summary>
internal sealed class SetComparer(ExpressionComparer expressions, Budget budget)
{
    public bool AreEqual(Expr gold, Expr answer)
    {
        Expr a = gold is SetExpr or TupleExpr ? gold : new FiniteSetExpr([gold]);
        Expr b = answer is SetExpr or TupleExpr ? answer : new FiniteSetExpr([answer]);
        if (a is IntervalExpr left && b is IntervalExpr right)
        {
            return left.LeftOpen == right.LeftOpen && left.RightOpen == right.RightOpen
                && expressions.ArePartsEqual(left.Start, right.Start) && expressions.ArePartsEqual(left.End, right.End);
        }

        if (a == b || (a is SetExpr first && b is SetExpr second && IsCarriedOut(first) && IsCarriedOut(second)
            && SetMath.SameSet(first, second, budget) == true))
        {
            return true;
        }

        if (a is FiniteSetExpr or TupleExpr && b is FiniteSetExpr or TupleExpr)
        {
            return AreElementsEqual(a, b);
        }

        // (1, 2) is read as an interval; as an answer it may be the pair.
        if (a is IntervalExpr { IsOpen: true } goldInterval && b is FiniteSetExpr or TupleExpr)
        {
            return b.Arguments.Count == 2 && AreElementsEqual(new TupleExpr(goldInterval.Start, goldInterval.End), b);
        }

        return b is IntervalExpr { IsOpen: true } interval && a is FiniteSetExpr or TupleExpr
            && a.Arguments.Count == 2 && AreElementsEqual(a, new TupleExpr(interval.Start, interval.End));
    }

    /// <summary>The reference leaves intersections and differences of finite sets as they are written, and then finds
    /// them equal to nothing else.</summary>
    private static bool IsCarriedOut(Expr set) => set switch
    {
        SetOperationExpr { Operation: SetOperation.Intersection } => false,
        SetOperationExpr { Operation: SetOperation.Complement, Arguments: [FiniteSetExpr, ..] } => false,
        SetOperationExpr operation => operation.Arguments.All(IsCarriedOut),
        _ => true,
    };

    private bool AreElementsEqual(Expr gold, Expr answer)
    {
        if (gold.Arguments.Count != answer.Arguments.Count)
        {
            return false;
        }

        IReadOnlyList<Expr> goldElements = gold is FiniteSetExpr ? ElementOrder.Sorted(gold.Arguments, budget)
            : gold.Arguments;
        IReadOnlyList<Expr> answerElements = (gold, answer) switch
        {
            (TupleExpr, FiniteSetExpr set) => set.Written,
            (FiniteSetExpr, _) => ElementOrder.Sorted(answer.Arguments, budget),
            _ => answer.Arguments,
        };
        return goldElements.Count == answerElements.Count
            && goldElements.Zip(answerElements).All(pair => expressions.ArePartsEqual(pair.First, pair.Second));
    }
}
