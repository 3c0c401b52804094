using System;

namespace Tbrm.Tasks.Python;

/// <summary>
/// numpy's <c>mean</c> and <c>std</c> of a contiguous float64 array, in numpy's order of additions (pairwise over
/// blocks of 128, eight
/// partial sums in a block), so that the results agree to the last bit.
/// </summary>
public static class NumpyStatistics
{
    private const int Block = 128, Lanes = 8;

    /// <summary><c>numpy.mean</c>; NaN for no values.</summary>
    public static double Mean(ReadOnlySpan<double> values) => Sum(values) / values.Length;

    /// <summary><c>numpy.std</c>: of the population (ddof 0); NaN for no values.</summary>
    public static double StandardDeviation(ReadOnlySpan<double> values)
    {
        double mean = Mean(values);
        double[] squares = new double[values.Length];
        for (int i = 0; i < squares.Length; i++)
        {
            double deviation = values[i] - mean;
            squares[i] = deviation * deviation;
        }

        return Math.Sqrt(Sum(squares) / squares.Length);
    }

    /// <summary><c>numpy.sum</c>.</summary>
    public static double Sum(ReadOnlySpan<double> values)
    {
        if (values.Length > Block)
        {
            int half = values.Length / 2;
            half -= half % Lanes;
            return Sum(values[..half]) + Sum(values[half..]);
        }

        return values.Length < Lanes ? InOrder(0, values) : BlockSum(values);
    }

    private static double BlockSum(ReadOnlySpan<double> values)
    {
        Span<double> lanes = stackalloc double[Lanes];
        values[..Lanes].CopyTo(lanes);
        int i = Lanes;
        for (; i + Lanes <= values.Length; i += Lanes)
        {
            for (int lane = 0; lane < Lanes; lane++)
            {
                lanes[lane] += values[i + lane];
            }
        }

        double sum = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
        return InOrder(sum, values[i..]);
    }

    private static double InOrder(double sum, ReadOnlySpan<double> values)
    {
        foreach (double value in values)
        {
            sum += value;
        }

        return sum;
    }
}
