using System;
using System.Linq;

namespace Tbrm.Objectives.Checks;

/// <summary>
/// The gradient against central differences, row by row; what is constant for the gradient stays where it was. Near a
/// kink (a clip, a maximum) two step widths disagree; such a row says nothing
/// and is passed over, but not more than a quarter of them.
/// </summary>
internal static class GradientCheck
{
    private const double Step = 1e-4, Relative = 1e-6, LargestShareOfKinks = 0.25;

    private sealed record Column(string Name, Func<ObjectiveBatch, double[]> Of,
        Func<ObjectiveBatch, double[], ObjectiveBatch> With, Func<ObjectiveResult, double[]> Gradient);

    private static readonly Column[] s_columns =
    [
        new("Q", b => b.Q, (b, x) => b with { Q = x }, r => r.DQ),
        new("V", b => b.V, (b, x) => b with { V = x }, r => r.DV),
        new("H", b => b.H, (b, x) => b with { H = x }, r => r.DH),
        new("values", b => b.Values, (b, x) => b with { Values = x }, r => r.DValues),
    ];

    /// <summary>The worst difference as a share of what is allowed.</summary>
    public static double Worst(IObjective objective, ObjectiveBatch batch)
    {
        ObjectiveResult result = objective.Evaluate(batch);
        double scale = s_columns.SelectMany(c => c.Gradient(result)).Select(Math.Abs).DefaultIfEmpty(0).Max();
        // A difference of two losses carries their rounding; a sum of hundreds of terms has some of it.
        double allowed = Relative * (1 + scale) + 4 * 64 * 2.3e-16 * Math.Abs(result.Loss) / Step;
        double worst = 0;
        int rows = 0, kinks = 0;
        foreach (Column column in s_columns)
        {
            double[] gradient = column.Gradient(result);
            for (int i = 0; i < gradient.Length; i++)
            {
                double wide = Slope(objective, batch, column, i, Step),
                    narrow = Slope(objective, batch, column, i, Step / 4);
                rows++;
                if (Math.Abs(wide - narrow) > allowed)
                {
                    kinks++;
                    continue;
                }

                double difference = Math.Abs(gradient[i] - narrow) / allowed;
                worst = difference <= worst ? worst : difference;
            }
        }

        return kinks > LargestShareOfKinks * rows ? double.PositiveInfinity : worst;
    }

    private static double Slope(IObjective objective, ObjectiveBatch batch, Column column, int row, double step)
    {
        double Loss(double at)
        {
            double[] moved = [.. column.Of(batch)];
            moved[row] += at;
            return objective.Evaluate(column.With(batch, moved) with { Frozen = batch }).Loss;
        }

        return (Loss(step) - Loss(-step)) / (2 * step);
    }
}
