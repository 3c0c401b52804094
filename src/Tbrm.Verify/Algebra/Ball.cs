namespace Tbrm.Verify.Algebra;

/// <summary>A computed number and how wrong it may be: |true value - Value| &lt;= 2^ErrorBits.</summary>
internal readonly record struct Ball(BigComplex Value, long ErrorBits)
{
    /// <summary>The error of an exact number.</summary>
    public const long Exact = long.MinValue / 4;

    /// <summary>Whether the true value is certainly not zero.</summary>
    public bool ExcludesZero => Value.Magnitude - 1 > ErrorBits;

    /// <summary>Whether the true value may be taken as real: its imaginary part is exactly zero.</summary>
    public bool IsReal => Value.IsReal;

    /// <summary>Bits of the error in relation to the value; 0 or more when nothing is known.</summary>
    public long RelativeError => Value.IsZero ? 0 : ErrorBits - Value.Magnitude + 1;
}

/// <summary>Arithmetic and functions on <see cref="Ball"/>s at one precision: every rule adds the error of its own rounding.</summary>
internal sealed class BallMath(int bits, Budget budget)
{
    private readonly ComplexMath _math = new(bits, budget);

    public int Bits => bits;

    public ComplexMath Math => _math;

    public Ball FromRational(BigRational value)
    {
        if (value.IsInteger && value.Numerator.GetBitLength() <= bits)
        {
            return new Ball(new BigFloat(value.Numerator, 0), Ball.Exact);
        }

        return Rounded(BigFloat.FromRational(value, bits), Ball.Exact);
    }

    public Ball Pi => Rounded(_math.Real.Pi, Ball.Exact);

    public Ball Add(Ball a, Ball b) => Rounded(_math.Add(a.Value, b.Value), Max(a.ErrorBits, b.ErrorBits) + 1, a, b);

    public static Ball Negate(Ball a) => a with { Value = -a.Value };

    public Ball Subtract(Ball a, Ball b) => Add(a, Negate(b));

    public Ball Multiply(Ball a, Ball b)
    {
        if ((a.Value.IsZero && a.ErrorBits == Ball.Exact) || (b.Value.IsZero && b.ErrorBits == Ball.Exact))
        {
            return new Ball(BigComplex.Zero, Ball.Exact);
        }

        long error = Max(Scaled(a.ErrorBits, Size(b)), Scaled(b.ErrorBits, Size(a)));
        return Rounded(_math.Multiply(a.Value, b.Value), error + 2, a, b);
    }

    public Ball Divide(Ball a, Ball b)
    {
        RequireNonZero(b);
        BigComplex value = _math.Divide(a.Value, b.Value);
        long error = Max(Scaled(a.ErrorBits, 1 - b.Value.Magnitude), b.ErrorBits == Ball.Exact ? Ball.Exact : Size(a) - b.Value.Magnitude + b.RelativeError + 1);
        return Rounded(value, error + 2, a, b);
    }

    public Ball Exp(Ball a)
    {
        if (a.ErrorBits > 0)
        {
            throw new NotComputableException("the exponent is not known well enough");
        }

        BigComplex value = _math.Exp(a.Value);
        return Rounded(value, Scaled(a.ErrorBits, value.Magnitude + 1));
    }

    public Ball Log(Ball a)
    {
        RequireNonZero(a);
        if (a.IsReal && a.Value.Re.Sign > 0)
        {
            return Rounded(_math.Real.Log(a.Value.Re), Relative(a) + 1);
        }

        // Close to the cut a tiny error flips the sign of the argument.
        RequireOffCut(a);
        return Rounded(_math.Log(a.Value), Relative(a) + 1);
    }

    public Ball Sqrt(Ball a)
    {
        if (a.Value.IsZero && a.ErrorBits == Ball.Exact)
        {
            return a;
        }

        if (!a.ExcludesZero)
        {
            return new Ball(BigComplex.Zero, Floor2(Max(a.ErrorBits, a.Value.Magnitude) + 1) + 1);
        }

        if (!a.IsReal)
        {
            RequireOffCut(a);
        }

        BigComplex value = _math.Sqrt(a.Value);
        return Rounded(value, Scaled(Relative(a), value.Magnitude + 1));
    }

    /// <summary>a^b on the principal branch.</summary>
    public Ball Pow(Ball a, Ball b)
    {
        bool exactExponent = b.ErrorBits == Ball.Exact;
        if (exactExponent && b.Value.IsZero)
        {
            return new Ball(BigComplex.One, Ball.Exact);
        }

        bool integer = exactExponent && b.IsReal && b.Value.Re.Exponent >= 0;
        if (!a.ExcludesZero)
        {
            return PowNearZero(a, b, integer);
        }

        if (!integer && !(a.IsReal && a.ErrorBits == Ball.Exact) && !(a.IsReal && a.Value.Re.Sign > 0))
        {
            RequireOffCut(a);
        }

        BigComplex value = _math.Pow(a.Value, b.Value);
        long logSize = Max(1, 64 - long.LeadingZeroCount(System.Math.Abs(a.Value.Magnitude)) + 1);
        long relative = Max(Scaled(Relative(a), b.Value.Magnitude), Scaled(b.ErrorBits, logSize + 2));

        // Besides the error of the operands, the rounding of b log a is multiplied by its size.
        relative = Max(relative, b.Value.Magnitude + logSize - bits) + 2;
        if (relative > 0)
        {
            throw new NotComputableException("the power is not known well enough");
        }

        return Rounded(value, Scaled(relative, value.Magnitude));
    }

    public (Ball Sin, Ball Cos) SinCos(Ball a)
    {
        (BigComplex sin, BigComplex cos) = _math.SinCos(a.Value);
        long grow = a.IsReal ? 0 : Max(sin.Magnitude, cos.Magnitude) + 1;
        long error = Scaled(a.ErrorBits, grow + 1);

        // In the complex case the two exponentials cancel, so the rounding is that of the larger.
        long rounding = a.IsReal ? Ball.Exact : grow - bits + 4;
        return (Rounded(sin, Max(error, rounding)), Rounded(cos, Max(error, rounding)));
    }

    /// <summary>A function whose derivative is at most about <paramref name="slopeBits"/> bits large around the argument.</summary>
    public Ball Smooth(Ball a, BigComplex value, long slopeBits) => Rounded(value, Max(Scaled(a.ErrorBits, slopeBits), slopeBits + a.Value.Magnitude - bits) + 1);

    public static void RequireNonZero(Ball a)
    {
        if (!a.ExcludesZero)
        {
            throw new NotComputableException("a number that may be zero stands where it must not be");
        }
    }

    /// <summary>The result with the error of one more rounding, and the sum's cancellation left to the operands' errors.</summary>
    public Ball Rounded(BigComplex value, long error)
    {
        return new Ball(value, value.IsZero ? error : Max(error, value.Magnitude - bits + 3));
    }

    private Ball Rounded(BigComplex value, long error, Ball a, Ball b)
    {
        // Exact operands whose result fits stay exact: small integers and dyadic sample points.
        if (a.ErrorBits == Ball.Exact && b.ErrorBits == Ball.Exact && Length(value.Re) < bits - 2 && Length(value.Im) < bits - 2 && IsDyadicResult(a, b))
        {
            return new Ball(value, Ball.Exact);
        }

        return Rounded(value, error < Ball.Exact / 2 ? Ball.Exact : error);
    }

    private bool IsDyadicResult(Ball a, Ball b) =>
        Length(a.Value.Re) + Length(b.Value.Re) < bits && Length(a.Value.Im) + Length(b.Value.Im) < bits
        && System.Math.Abs(a.Value.Magnitude) < bits / 4 && System.Math.Abs(b.Value.Magnitude) < bits / 4;

    private static long Length(BigFloat x) => (long)System.Numerics.BigInteger.Abs(x.Mantissa).GetBitLength();

    private static Ball PowNearZero(Ball a, Ball b, bool integer)
    {
        if (b.Value.Re.Sign <= 0)
        {
            throw new NotComputableException("zero to a power that is not positive");
        }

        if (a.ErrorBits == Ball.Exact)
        {
            return new Ball(BigComplex.Zero, Ball.Exact);
        }

        long size = Max(a.ErrorBits, a.Value.Magnitude) + 1;
        double exponent = System.Math.Min(b.Value.Re.ToDouble(), 1000);
        return integer || size < 0
            ? new Ball(BigComplex.Zero, (long)System.Math.Ceiling(size * exponent) + 1)
            : throw new NotComputableException("the power is not known well enough");
    }

    private static void RequireOffCut(Ball a)
    {
        bool onNegativeAxis = a.Value.Re.Sign < 0 && a.Value.Im.Magnitude <= a.ErrorBits && a.ErrorBits != Ball.Exact;
        if (onNegativeAxis && !a.IsReal)
        {
            throw new NotComputableException("the number lies on a branch cut");
        }
    }

    private static long Relative(Ball a) => a.ErrorBits == Ball.Exact ? Ball.Exact : a.RelativeError;

    private static long Size(Ball a) => a.Value.IsZero ? Max(a.ErrorBits, -100_000_000_000) : Max(a.Value.Magnitude, a.ErrorBits) + 1;

    private static long Scaled(long error, long factorBits) => error == Ball.Exact ? Ball.Exact : error + factorBits;

    private static long Floor2(long x) => x >> 1;

    private static long Max(long a, long b) => System.Math.Max(a, b);
}
