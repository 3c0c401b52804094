using System.Numerics;

namespace Tbrm.MathVerify.Algebra;

/// <summary>Exact integer functions, bounded so that no answer can ask for an unbounded amount of work.</summary>
internal static class IntegerMath
{
    /// <summary>The longest integer that is written out, in bits: 300,000 decimal digits.</summary>
    public const long MaxBits = 1_000_000;

    /// <summary>The integer part of the square root.</summary>
    public static BigInteger Sqrt(BigInteger value)
    {
        if (value < 2)
        {
            return value;
        }

        Budget.Charge(8 * LongNumberCost.Multiply(LongNumberCost.Words(value)));

        // Newton from above, starting at a power of two that is at least the root.
        BigInteger x = BigInteger.One << (int)((value.GetBitLength() + 1) / 2);
        while (true)
        {
            BigInteger next = (x + value / x) >> 1;
            if (next >= x)
            {
                return x;
            }

            x = next;
        }
    }

    /// <summary>The exact n-th root of a non-negative integer, or false if it has none.</summary>
    public static bool TryRoot(BigInteger value, int n, out BigInteger root)
    {
        root = value;
        if (n == 1 || value.IsZero || value.IsOne)
        {
            return true;
        }

        if (value.Sign < 0 || n < 1 || n > value.GetBitLength())
        {
            return false;
        }

        int bits = (int)((value.GetBitLength() + n - 1) / n);
        BigInteger x = BigInteger.One << bits;
        long cost = 4 + 4 * LongNumberCost.Multiply(LongNumberCost.Words(value));
        while (true)
        {
            Budget.Charge(cost);
            BigInteger next = ((n - 1) * x + value / BigInteger.Pow(x, n - 1)) / n;
            if (next >= x)
            {
                break;
            }

            x = next;
        }

        root = x;
        return BigInteger.Pow(x, n) == value;
    }

    /// <summary>n!, or null when it would be longer than <see cref="MaxBits"/>.</summary>
    public static BigInteger? Factorial(BigInteger n, Budget budget)
    {
        if (n.Sign < 0 || n > 80_000)
        {
            return null;
        }

        return Product(1, (int)n, budget);
    }

    /// <summary>The binomial coefficient for integers n and k >= 0, or null when it is too large.</summary>
    public static BigInteger? Binomial(BigInteger n, BigInteger k, Budget budget)
    {
        if (k.Sign < 0)
        {
            return BigInteger.Zero;
        }

        if (n.Sign >= 0 && k > n)
        {
            return BigInteger.Zero;
        }

        if (n.Sign >= 0 && 2 * k > n)
        {
            k = n - k;
        }

        if (k > 20_000 || n.GetBitLength() > 4096)
        {
            return null;
        }

        BigInteger result = BigInteger.One;
        for (int i = 0; i < (int)k; i++)
        {
            budget.Spend(8 + (long)result.GetBitLength() / 128);
            result = result * (n - i) / (i + 1);
        }

        return result;
    }

    /// <summary>base^exponent, or null when it would be longer than <see cref="MaxBits"/>.</summary>
    public static BigInteger? Pow(BigInteger value, BigInteger exponent, Budget budget)
    {
        if (value.IsOne || exponent.IsZero)
        {
            return BigInteger.One;
        }

        if (value.IsZero)
        {
            return BigInteger.Zero;
        }

        if (value == BigInteger.MinusOne)
        {
            return exponent.IsEven ? BigInteger.One : BigInteger.MinusOne;
        }

        if (exponent * (long)BigInteger.Abs(value).GetBitLength() > MaxBits)
        {
            return null;
        }

        budget.Spend(1 + LongNumberCost.Multiply((long)(exponent * (long)BigInteger.Abs(value).GetBitLength()) / 64));
        return BigInteger.Pow(value, (int)exponent);
    }

    private static BigInteger Product(int low, int high, Budget budget)
    {
        budget.Spend();
        if (low > high)
        {
            return BigInteger.One;
        }

        if (high - low < 16)
        {
            BigInteger product = low;
            for (int i = low + 1; i <= high; i++)
            {
                product *= i;
            }

            return product;
        }

        int middle = low + (high - low) / 2;
        BigInteger left = Product(low, middle, budget);
        BigInteger right = Product(middle + 1, high, budget);
        budget.Spend(4 + LongNumberCost.Multiply(LongNumberCost.Words(left) + LongNumberCost.Words(right)));
        return left * right;
    }
}
