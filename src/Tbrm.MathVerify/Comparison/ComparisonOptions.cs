namespace Tbrm.MathVerify.Comparison;

/// <summary>How two answers are compared; the names and defaults are those of Math-Verify's <c>verify</c>.</summary>
/// <param name="FloatRounding">Decimals to which numbers written with a point are rounded.</param>
/// <param name="NumericPrecision">Digits to which other numbers are compared.</param>
/// <param name="Strict">Whether the names of variables matter.</param>
/// <param name="AllowSetRelationComparison">Whether an inequality in the answer may equal a set in the gold
/// answer.</param>
/// <param name="Hardened">Whether known false accepts are closed.</param>
internal sealed record ComparisonOptions(
    int FloatRounding = 6, int NumericPrecision = 15, bool Strict = true, bool AllowSetRelationComparison = false,
        bool Hardened = false);
