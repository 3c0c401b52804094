using System;
using System.Collections.Concurrent;
using System.Numerics;

namespace Tbrm.MathVerify.Algebra;

/// <summary>
/// Elementary functions of real <see cref="BigFloat"/> numbers at one precision. Results are good to all but the last
/// few bits;
/// inside, fixed-point integers with 48 guard bits are used.
/// </summary>
internal sealed class BigMath(int bits, Budget budget)
{
    private const int GuardBits = 48;
    private static readonly ConcurrentDictionary<int, BigInteger> s_pi = new();
    private static readonly ConcurrentDictionary<int, BigInteger> s_ln2 = new();

    public int Bits { get; } = bits;

    public Budget Budget { get; } = budget;

    /// <summary>What a function costs whose series has a term for every few of its bits.</summary>
    private static long SeriesCost(long precision) => precision
        + precision / 64 * LongNumberCost.Multiply(precision / 64);

    public BigFloat Pi => new BigFloat(FixedPi(Bits + GuardBits), -(Bits + GuardBits)).Round(Bits);

    public BigFloat Exp(BigFloat x)
    {
        Budget.Spend(SeriesCost(Bits));
        if (x.IsZero)
        {
            return BigFloat.One;
        }

        // Beyond this the result's exponent could not be represented (or would be indistinguishable from 0 or 1).
        if (x.Magnitude > 41)
        {
            throw new NotComputableException("exp of a number that is too large");
        }

        if (x.Magnitude < -2L * Bits)
        {
            return BigFloat.Add(BigFloat.One, x, Bits);
        }

        int precision = Bits + GuardBits + (int)Math.Max(0, x.Magnitude);
        BigInteger value = ToFixed(x, precision);
        BigInteger ln2 = FixedLn2(precision);
        BigInteger k = BigInteger.Divide(2 * value + (value.Sign * ln2), 2 * ln2);
        BigInteger r = value - k * ln2;
        return new BigFloat(FixedExp(r, precision), (long)k - precision).Round(Bits);
    }

    public BigFloat Log(BigFloat x)
    {
        Budget.Spend(2 * SeriesCost(Bits));
        if (x.Sign <= 0)
        {
            throw new NotComputableException("logarithm of a number that is not positive");
        }

        // x = m * 2^k with m in [1/2, 1): close to 1 the two parts cancel, so there the logarithm of x itself is taken.
        long k = x.Magnitude;
        BigFloat distance = BigFloat.Subtract(x, BigFloat.One, 2 * Bits + GuardBits);
        int cancelled = distance.IsZero ? 0 : (int)Math.Clamp(-distance.Magnitude, 0, 2L * Bits);
        if (distance.IsZero)
        {
            return BigFloat.Zero;
        }

        int precision = Bits + GuardBits + cancelled;
        Budget.Spend(cancelled > 0 ? 2 * SeriesCost(precision) : 0);
        if (cancelled > 1)
        {
            return new BigFloat(FixedLog(ToFixed(x, precision), precision), -precision).Round(Bits);
        }

        BigInteger m = ToFixed(new BigFloat(x.Mantissa, x.Exponent - k), precision);
        BigInteger sum = FixedLog(m, precision) + k * FixedLn2(precision);
        return new BigFloat(sum, -precision).Round(Bits);
    }

    /// <summary>Sine and cosine of x radians.</summary>
    public (BigFloat Sin, BigFloat Cos) SinCos(BigFloat x)
    {
        Budget.Spend(SeriesCost(2 * Bits));
        if (x.Magnitude > 10_000)
        {
            throw new NotComputableException("sine of a number that is too large");
        }

        if (x.Magnitude < -2L * Bits)
        {
            return (x.Round(Bits), BigFloat.One);
        }

        // The guard covers both a large argument and a result close to zero.
        int precision = 2 * Bits + GuardBits + (int)Math.Max(0, x.Magnitude) + (int)Math.Max(0, -x.Magnitude);
        Budget.Spend(SeriesCost(precision));
        BigInteger value = ToFixed(x, precision);
        BigInteger halfPi = FixedPi(precision) >> 1;
        BigInteger quadrant = BigInteger.Divide(2 * value + (value.Sign * halfPi), 2 * halfPi);
        BigInteger r = value - quadrant * halfPi;
        BigInteger sin = FixedSin(r, precision, out BigInteger cos);
        int q = (int)(((quadrant % 4) + 4) % 4);
        (BigInteger s, BigInteger c) = q switch
        {
            0 => (sin, cos),
            1 => (cos, -sin),
            2 => (-sin, -cos),
            _ => (-cos, sin),
        };
        return (new BigFloat(s, -precision).Round(Bits), new BigFloat(c, -precision).Round(Bits));
    }

    public BigFloat Atan(BigFloat x)
    {
        Budget.Spend(2 * SeriesCost(Bits));
        if (x.IsZero || x.Magnitude < -2L * Bits)
        {
            return x.Round(Bits);
        }

        if (x.Sign < 0)
        {
            return -Atan(-x);
        }

        if (x.Magnitude > 1)
        {
            BigFloat half = new(Pi.Mantissa, Pi.Exponent - 1);
            BigFloat inverse = BigFloat.Divide(BigFloat.One, x, Bits + GuardBits);
            return BigFloat.Subtract(half, Atan(inverse), Bits);
        }

        int precision = Bits + GuardBits + (int)Math.Max(0, -x.Magnitude);
        BigInteger one = BigInteger.One << precision;
        BigInteger value = ToFixed(x, precision);

        // atan x = 2 atan(x / (1 + sqrt(1 + x^2))), until x is below 2^-6.
        int halvings = 0;
        while (value.GetBitLength() > precision - 6 && halvings < 8)
        {
            BigInteger root = IntegerMath.Sqrt((one << precision) + value * value);
            value = (value << precision) / (one + root);
            halvings++;
        }

        return new BigFloat(FixedAtan(value, precision), -precision + halvings).Round(Bits);
    }

    private static BigInteger ToFixed(BigFloat x, int precision)
    {
        long shift = x.Exponent + precision;
        return shift >= 0 ? x.Mantissa << (int)shift : -shift > int.MaxValue ? BigInteger.Zero
            : x.Mantissa >> (int)-shift;
    }

    private static BigInteger FixedExp(BigInteger r, int precision)
    {
        const int Halvings = 8;
        int inner = precision + Halvings + 8;
        BigInteger x = r << (inner - precision - Halvings);
        BigInteger term = BigInteger.One << inner;
        BigInteger sum = term;
        for (int n = 1; !term.IsZero && n < inner; n++)
        {
            term = ((term * x) >> inner) / n;
            if (term == BigInteger.MinusOne)
            {
                break;
            }

            sum += term;
        }

        for (int i = 0; i < Halvings; i++)
        {
            sum = (sum * sum) >> inner;
        }

        return sum >> (inner - precision);
    }

    private static BigInteger FixedLog(BigInteger m, int precision)
    {
        // log m = 2^8 log m^(1/2^8); then log y = 2 atanh((y - 1) / (y + 1)).
        const int Roots = 8;
        int inner = precision + Roots + 8;
        BigInteger one = BigInteger.One << inner;
        BigInteger y = m << (inner - precision);
        for (int i = 0; i < Roots; i++)
        {
            y = IntegerMath.Sqrt(y << inner);
        }

        BigInteger z = ((y - one) << inner) / (y + one);
        BigInteger square = (z * z) >> inner;
        BigInteger power = z;
        BigInteger sum = BigInteger.Zero;
        for (int n = 1; !power.IsZero && power != BigInteger.MinusOne; n += 2)
        {
            sum += power / n;
            power = (power * square) >> inner;
        }

        return sum << (Roots + 1) >> (inner - precision);
    }

    private static BigInteger FixedSin(BigInteger r, int precision, out BigInteger cos)
    {
        BigInteger one = BigInteger.One << precision;
        BigInteger square = (r * r) >> precision;
        BigInteger sinTerm = r, cosTerm = one, sin = r;
        cos = one;
        for (int n = 2; (!sinTerm.IsZero && sinTerm != BigInteger.MinusOne)
            || (!cosTerm.IsZero && cosTerm != BigInteger.MinusOne); n += 2)
        {
            cosTerm = -((cosTerm * square) >> precision) / ((n - 1) * (BigInteger)n);
            sinTerm = -((sinTerm * square) >> precision) / (n * (BigInteger)(n + 1));
            cos += cosTerm;
            sin += sinTerm;
            if (n > precision)
            {
                break;
            }
        }

        return sin;
    }

    private static BigInteger FixedAtan(BigInteger value, int precision)
    {
        BigInteger square = (value * value) >> precision;
        BigInteger power = value;
        BigInteger sum = value;
        for (int n = 3; !power.IsZero; n += 2)
        {
            power = -((power * square) >> precision);
            if (power == BigInteger.MinusOne)
            {
                break;
            }

            sum += power / n;
        }

        return sum;
    }

    private static BigInteger FixedPi(int precision) => s_pi.GetOrAdd(precision, ComputePi);

    private static BigInteger FixedLn2(int precision) => s_ln2.GetOrAdd(precision, ComputeLn2);

    private static BigInteger ComputePi(int precision)
    {
        // Machin: pi = 16 atan(1/5) - 4 atan(1/239).
        int inner = precision + 16;
        return (16 * AtanOfInverse(5, inner) - 4 * AtanOfInverse(239, inner)) >> 16;
    }

    private static BigInteger AtanOfInverse(int n, int precision)
    {
        BigInteger power = (BigInteger.One << precision) / n;
        BigInteger sum = power;
        for (int k = 3; !power.IsZero; k += 2)
        {
            power /= -(n * n);
            sum += power / k;
        }

        return sum;
    }

    private static BigInteger ComputeLn2(int precision)
    {
        // ln 2 = 18 atanh(1/26) - 2 atanh(1/4801) + 8 atanh(1/8749).
        int inner = precision + 16;
        BigInteger sum = 18 * AtanhOfInverse(26, inner) - 2 * AtanhOfInverse(4801, inner)
            + 8 * AtanhOfInverse(8749, inner);
        return sum >> 16;
    }

    private static BigInteger AtanhOfInverse(int n, int precision)
    {
        BigInteger power = (BigInteger.One << precision) / n;
        BigInteger sum = power;
        for (int k = 3; !power.IsZero; k += 2)
        {
            power /= n * (BigInteger)n;
            sum += power / k;
        }

        return sum;
    }
}
