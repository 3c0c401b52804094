using System;
using System.Linq;
using System.Numerics;
using NUnit.Framework;
using Tbrm.Testing;
using Tbrm.Training.Evaluation;

namespace Tbrm.Training.Tests.Evaluation;

public sealed class PassAtKTests
{
    /// <summary>Oracle: 1 - C(n - c, k) / C(n, k) in whole numbers.</summary>
    [Test]
    public void Agrees_with_the_binomials_for_every_n_c_k_up_to_40()
    {
        for (int n = 1; n <= 40; n++)
        {
            for (int c = 0; c <= n; c++)
            {
                for (int k = 1; k <= n; k++)
                {
                    // c roundings of factors in [0, 1], each at most half an ulp of 1, and the final difference.
                    double tolerance = (c + 2) * Math.Pow(2, -53);
                    Compare.Close(PassAtK.Estimate(n, c, k), Exact(n, c, k), tolerance, $"n={n} c={c} k={k}");
                }
            }
        }
    }

    [Test]
    public void Does_not_overflow_where_binomials_would()
    {
        Compare.Close(PassAtK.Estimate(100_000, 1, 50_000), 0.5, 1e-12, "one correct, half drawn");
        Assert.That(PassAtK.Estimate(4096, 2000, 2048), Is.EqualTo(1).Within(1e-15));
    }

    [Test]
    public void Is_the_mean_over_all_subsets()
    {
        bool[] correct = [true, false, false, true, false, false];
        int[] subsets = [.. Enumerable.Range(0, 1 << correct.Length).Where(s => BitOperations.PopCount((uint)s) == 3)];
        double share = subsets.Average(
            s => Enumerable.Range(0, correct.Length).Any(i => (s >> i & 1) == 1 && correct[i]) ? 1.0 : 0);
        Compare.Close(PassAtK.Estimate(6, 2, 3), share, 1e-15, "6 over 3");
    }

    [TestCase(3, 4, 1)]
    [TestCase(3, 1, 0)]
    [TestCase(3, 1, 4)]
    public void Impossible_counts_are_refused(int n, int c, int k) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => PassAtK.Estimate(n, c, k));

    private static double Exact(int n, int c, int k)
    {
        BigInteger all = Binomial(n, k), none = Binomial(n - c, k);
        return (double)((all - none) * BigInteger.Pow(2, 100) / all) / Math.Pow(2, 100);
    }

    private static BigInteger Binomial(int n, int k)
    {
        BigInteger value = k > n ? 0 : 1;
        for (int i = 0; i < k && k <= n; i++)
        {
            value = value * (n - i) / (i + 1);
        }

        return value;
    }
}
