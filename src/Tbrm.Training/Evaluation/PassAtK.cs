using System;

namespace Tbrm.Training.Evaluation;

/// <summary>pass@k: the probability that at least one of k responses drawn without replacement from n is
/// correct.</summary>
public static class PassAtK
{
    /// <summary>
    /// The unbiased estimator 1 - C(n - c, k) / C(n, k) (Chen et al., arXiv 2107.03374, eq. 1), as a product of c
    /// factors: no binomial is formed,
    /// so nothing overflows at any n.
    /// </summary>
    /// <param name="responses">n: responses to the problem.</param>
    /// <param name="correct">c: how many of them are correct.</param>
    /// <param name="k">How many are drawn, 1 to n.</param>
    public static double Estimate(int responses, int correct, int k)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(correct);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(correct, responses);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(k);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(k, responses);
        if (responses - correct < k)
        {
            return 1;
        }

        double noneCorrect = 1;
        for (int i = responses - correct + 1; i <= responses; i++)
        {
            noneCorrect *= 1 - ((double)k / i);
        }

        return 1 - noneCorrect;
    }
}
