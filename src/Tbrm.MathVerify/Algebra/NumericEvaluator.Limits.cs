using System;

namespace Tbrm.MathVerify.Algebra;

/// <summary>This part: limits, by evaluation very close to the point.</summary>
internal sealed partial class NumericEvaluator
{
    private const int NearBits = 200;
    private const int NearerBits = 300;

    /// <summary>
    /// The value at distance 2^-300 from the point (or at 2^300 for infinity). Where the function approaches its limit
    /// at least
    /// linearly, its change since 2^-200 bounds what is left by a factor of 2^-100; half of that is claimed.
    /// </summary>
    private Ball Limit(ApplyExpr limit)
    {
        SymbolExpr variable = (SymbolExpr)limit.Arguments[1];
        int side = limit.Arguments[3] == NumberExpr.MinusOne ? -1 : 1;
        int infinity = SetMath.InfinitySign(limit.Arguments[2]);
        Ball near = At(NearBits);
        Ball nearer = At(NearerBits);
        Ball change = _ball.Subtract(nearer, near);
        double left = change.Value.IsZero ? Algebra.Ball.Exact : change.Value.Magnitude - (NearerBits - NearBits) / 2;
        if (left > Math.Max(0, nearer.Value.Magnitude) - NearBits)
        {
            throw new NotComputableException("the limit is not approached fast enough to be seen");
        }

        return nearer with { ErrorBits = Math.Max(nearer.ErrorBits, left) + 1 };

        Ball At(int distanceBits)
        {
            NumericEvaluator wide = new(bits + 3 * distanceBits, budget, point);
            foreach ((SymbolExpr symbol, Ball value) in _bound)
            {
                wide._bound[symbol] = value;
            }

            Ball at = infinity != 0
                ? new Ball(new BigFloat(infinity, distanceBits), Algebra.Ball.Exact)
                : wide._ball.Add(wide.Evaluate(limit.Arguments[2]),
                    new Ball(new BigFloat(side, -distanceBits), Algebra.Ball.Exact));
            wide._bound[variable] = at;
            return wide.Evaluate(limit.Arguments[0]);
        }
    }
}
