using System.Numerics;

namespace Tbrm.MathVerify.Algebra;

/// <summary>
/// What operations on long integers cost, in steps of a <see cref="Budget"/>: fitted to .NET's BigInteger from 64 to a
/// million bits. Numbers of a few
/// words are free, since what handles them pays for itself.
/// </summary>
internal static class LongNumberCost
{
    private const long Few = 8;

    /// <summary>Words of 64 bits.</summary>
    public static long Words(BigInteger value) => value.GetBitLength() / 64;

    /// <summary>A product of two numbers of so many words (w to the power 1.5), or a quotient of them.</summary>
    public static long Multiply(long words) => words <= Few ? 0 : words * Root(words) / 2;

    /// <summary>A greatest common divisor, which takes the product of the lengths.</summary>
    public static long Gcd(long words, long otherWords) => words <= Few || otherWords <= Few ? 0
        : words * otherWords / 8;

    /// <summary>A number's decimal digits, read or written.</summary>
    public static long Decimal(long digits) => digits <= 64 ? 0 : digits * digits / 2000;

    private static long Root(long value)
    {
        long root = 1;
        while (root * root < value)
        {
            root *= 2;
        }

        return root;
    }
}
