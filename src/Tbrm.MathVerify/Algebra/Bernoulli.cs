using System.Collections.Generic;
using System.Threading;

namespace Tbrm.MathVerify.Algebra;

/// <summary>The Bernoulli numbers, computed once and kept.</summary>
internal static class Bernoulli
{
    private static readonly Lock s_lock = new();
    private static readonly List<BigRational> s_even = [BigRational.One];

    /// <summary>B_2k.</summary>
    public static BigRational Even(int k)
    {
        lock (s_lock)
        {
            while (s_even.Count <= k)
            {
                // Not out of the budget of whoever happens to ask first.
                s_even.Add(new Budget(CancellationToken.None, long.MaxValue).Run(() => Next(s_even.Count)));
            }

            return s_even[k];
        }
    }

    // sum over j <= n of C(n + 1, j) B_j = 0, for n = 2k; of the odd ones only B_1 = -1/2 is not zero.
    private static BigRational Next(int k)
    {
        int n = 2 * k;
        BigRational sum = new BigRational(-(n + 1), 2) + 1;
        BigRational binomial = 1;
        for (int j = 1; j < n; j++)
        {
            binomial = binomial * (n + 2 - j) / j;
            if (j % 2 == 0)
            {
                sum += binomial * s_even[j / 2];
            }
        }

        return -sum / (n + 1);
    }
}
