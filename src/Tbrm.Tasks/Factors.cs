using System.Collections.Generic;
using System.Numerics;

namespace Tbrm.Tasks;

/// <summary>Factorization by trial division, as far as the tasks' numbers need it.</summary>
internal static class Factors
{
    /// <summary>The prime factors of a positive number, ascending, each as often as it divides.</summary>
    public static List<BigInteger> PrimesOf(BigInteger number)
    {
        List<BigInteger> factors = [];
        BigInteger divisor = 2;
        while (number > ulong.MaxValue && divisor * divisor <= number)
        {
            while ((number % divisor).IsZero)
            {
                factors.Add(divisor);
                number /= divisor;
            }

            divisor += divisor == 2 ? 1 : 2;
        }

        if (number > ulong.MaxValue)
        {
            factors.Add(number);
            return factors;
        }

        AddPrimes(factors, (ulong)number, (ulong)divisor);
        return factors;
    }

    /// <summary>All divisors of a positive number, ascending.</summary>
    public static List<BigInteger> DivisorsOf(BigInteger number)
    {
        List<BigInteger> divisors = [BigInteger.One];
        BigInteger last = 0;
        int added = 0;
        foreach (BigInteger prime in PrimesOf(number))
        {
            // A repeated prime multiplies only what its last occurrence added.
            int from = prime == last ? divisors.Count - added : 0;
            int to = divisors.Count;
            for (int i = from; i < to; i++)
            {
                divisors.Add(divisors[i] * prime);
            }

            (last, added) = (prime, to - from);
        }

        divisors.Sort();
        return divisors;
    }

    /// <summary>The divisors of a number that is not negative from 2 up to, not including, a bound that is not above
    /// it; ascending.</summary>
    public static List<BigInteger> DivisorsBelow(BigInteger number, BigInteger end)
    {
        if (!number.IsZero && number <= ulong.MaxValue)
        {
            return DivisorsOf(number).FindAll(d => d >= 2 && d < end);
        }

        List<BigInteger> divisors = [];
        for (BigInteger d = 2; d < end; d++)
        {
            if ((number % d).IsZero)
            {
                divisors.Add(d);
            }
        }

        return divisors;
    }

    private static void AddPrimes(List<BigInteger> factors, ulong number, ulong divisor)
    {
        while (divisor <= uint.MaxValue && divisor * divisor <= number)
        {
            while (number % divisor == 0)
            {
                factors.Add(divisor);
                number /= divisor;
            }

            divisor += divisor == 2 ? 1u : 2u;
        }

        if (number > 1)
        {
            factors.Add(number);
        }
    }
}
