using System;

namespace Tbrm.MathVerify.Algebra;

/// <summary>A complex number; see <see cref="ComplexMath"/> for its functions.</summary>
internal readonly record struct BigComplex(BigFloat Re, BigFloat Im)
{
    public static BigComplex Zero => default;

    public static BigComplex One => new(BigFloat.One, BigFloat.Zero);

    public static BigComplex ImaginaryUnit => new(BigFloat.Zero, BigFloat.One);

    public bool IsReal => Im.IsZero;

    public bool IsZero => Re.IsZero && Im.IsZero;

    /// <summary>The magnitude of the larger part, in bits.</summary>
    public long Magnitude => Math.Max(Re.Magnitude, Im.Magnitude);

    public static BigComplex operator -(BigComplex a) => new(-a.Re, -a.Im);

    public static implicit operator BigComplex(BigFloat value) => new(value, BigFloat.Zero);
}
