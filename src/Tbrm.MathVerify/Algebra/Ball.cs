namespace Tbrm.MathVerify.Algebra;

/// <summary>A computed number and how wrong it may be: |true value - Value| &lt;= 2^ErrorBits (a fractional number of
/// bits, so that bounds add up).</summary>
internal readonly record struct Ball(BigComplex Value, double ErrorBits)
{
    /// <summary>The error of an exact number.</summary>
    public const double Exact = -1e17;

    /// <summary>Whether the true value is certainly not zero.</summary>
    public bool ExcludesZero => Value.Magnitude - 1 > ErrorBits;

    /// <summary>Whether the true value may be taken as real: its imaginary part is exactly zero.</summary>
    public bool IsReal => Value.IsReal;

    /// <summary>Bits of the error in relation to the value; 0 or more when nothing is known.</summary>
    public double RelativeError => Value.IsZero ? 0 : ErrorBits - Value.Magnitude + 1;
}

/// <summary>Arithmetic and functions on <see cref="Ball"/>s at one precision: every rule adds the error of its own
/// rounding.</summary>
internal sealed class BallMath(int bits, Budget budget)
{
    private readonly ComplexMath _math = new(bits, budget);
    private readonly long _cost = 8 + bits / 16 + LongNumberCost.Multiply(bits / 64);

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

    public Ball Add(Ball a, Ball b) => Rounded(_math.Add(a.Value, b.Value), Sum(a.ErrorBits, b.ErrorBits), a, b);

    public static Ball Negate(Ball a) => a with { Value = -a.Value };

    public Ball Subtract(Ball a, Ball b) => Add(a, Negate(b));

    public Ball Multiply(Ball a, Ball b)
    {
        if ((a.Value.IsZero && a.ErrorBits == Ball.Exact) || (b.Value.IsZero && b.ErrorBits == Ball.Exact))
        {
            return new Ball(BigComplex.Zero, Ball.Exact);
        }

        double error = Sum(Scaled(a.ErrorBits, Size(b)), Scaled(b.ErrorBits, Size(a)));
        return Rounded(_math.Multiply(a.Value, b.Value), error, a, b);
    }

    public Ball Divide(Ball a, Ball b)
    {
        RequireNonZero(b);
        BigComplex value = _math.Divide(a.Value, b.Value);
        double size = Log2Size(b.Value);
        double ofDivisor = b.ErrorBits == Ball.Exact ? Ball.Exact : Size(a) - size + b.ErrorBits - size;

        // The divisor may be smaller than its value by its error; both bounds grow by what that is worth.
        double shrink = b.ErrorBits == Ball.Exact ? 0
            : -System.Math.Log2(1 - System.Math.Min(0.5, System.Math.Pow(2, b.ErrorBits - size)));
        return Rounded(value, Sum(Scaled(a.ErrorBits, -size), ofDivisor) + shrink, a, b);
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
            return new Ball(BigComplex.Zero, (Max(a.ErrorBits, a.Value.Magnitude) + 1) / 2 + 1);
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
        long logSize = System.Math.Max(1, 64 - long.LeadingZeroCount(System.Math.Abs(a.Value.Magnitude)) + 1);
        double relative = Sum(Scaled(Relative(a), Log2Size(b.Value)), Scaled(b.ErrorBits, logSize + 1));

        // Besides the error of the operands, the rounding of b log a is multiplied by its size.
        relative = Sum(relative, b.Value.Magnitude + logSize - bits + 1);
        if (relative > 0)
        {
            throw new NotComputableException("the power is not known well enough");
        }

        return Rounded(value, Scaled(relative, value.Magnitude));
    }

    public (Ball Sin, Ball Cos) SinCos(Ball a)
    {
        (BigComplex sin, BigComplex cos) = _math.SinCos(a.Value);
        long grow = a.IsReal ? 0 : System.Math.Max(sin.Magnitude, cos.Magnitude) + 1;
        double error = Scaled(a.ErrorBits, grow + 1);

        // In the complex case the two exponentials cancel, so the rounding is that of the larger.
        double rounding = a.IsReal ? Ball.Exact : grow - bits + 4;
        return (Rounded(sin, Max(error, rounding)), Rounded(cos, Max(error, rounding)));
    }

    /// <summary>A function whose derivative is at most about <paramref name="slopeBits"/> bits large around the
    /// argument.</summary>
    public Ball Smooth(Ball a, BigComplex value, long slopeBits) =>
        Rounded(value, Sum(Scaled(a.ErrorBits, slopeBits), slopeBits + a.Value.Magnitude - bits + 1));

    public static void RequireNonZero(Ball a)
    {
        if (!a.ExcludesZero)
        {
            throw new NotComputableException("a number that may be zero stands where it must not be");
        }
    }

    /// <summary>The result with the error of one more rounding, and the sum's cancellation left to the operands'
    /// errors.</summary>
    public Ball Rounded(BigComplex value, double error)
    {
        budget.Spend(_cost);
        return new Ball(value, value.IsZero ? error : Sum(error, value.Magnitude - bits + 2));
    }

    private Ball Rounded(BigComplex value, double error, Ball a, Ball b)
    {
        budget.Spend(8);

        // Exact operands whose result fits stay exact: small integers and dyadic sample points.
        if (a.ErrorBits == Ball.Exact && b.ErrorBits == Ball.Exact && Length(value.Re) < bits - 2
            && Length(value.Im) < bits - 2 && IsDyadicResult(a, b))
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

        double size = Max(a.ErrorBits, a.Value.Magnitude) + 1;
        double exponent = System.Math.Min(b.Value.Re.ToDouble(), 1000);
        return integer || size < 0
            ? new Ball(BigComplex.Zero, size * exponent + 1)
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

    private static double Relative(Ball a) => a.ErrorBits == Ball.Exact ? Ball.Exact : a.RelativeError;

    private static double Size(Ball a) => a.Value.IsZero ? a.ErrorBits : Sum(Log2Size(a.Value), a.ErrorBits);

    private static double Scaled(double error, double factorBits) => error <= Ball.Exact / 2 ? Ball.Exact
        : error + factorBits;

    /// <summary>log2 of the modulus, rounded up a little.</summary>
    private static double Log2Size(BigComplex value)
    {
        double size = Log2(value.Re);
        return value.IsReal ? size : Sum(2 * size, 2 * Log2(value.Im)) / 2 + 1e-9;
    }

    private static double Log2(BigFloat value)
    {
        if (value.IsZero)
        {
            return Ball.Exact;
        }

        BigFloat top = BigFloat.Abs(value).Round(53);
        return System.Math.Log2((double)top.Mantissa) + top.Exponent + 1e-9;
    }

    /// <summary>log2(2^a + 2^b).</summary>
    private static double Sum(double a, double b)
    {
        double larger = System.Math.Max(a, b);
        double gap = larger - System.Math.Min(a, b);
        return gap > 60 ? larger + 1e-9 : larger + System.Math.Log2(1 + System.Math.Pow(2, -gap));
    }

    private static double Max(double a, double b) => System.Math.Max(a, b);
}
