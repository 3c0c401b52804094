using System;
using NUnit.Framework;

namespace Tbrm.Testing;

/// <summary>Comparisons written so that a NaN on either side fails: the condition that passes must be true.</summary>
public static class Compare
{
    /// <summary>Spacing of fp32 numbers at 1.</summary>
    public const double Fp32Epsilon = 1.1920928955078125e-7;

    /// <summary>Spacing of bf16 numbers at 1.</summary>
    public const double Bf16Epsilon = 0.0078125;

    /// <summary>Fails unless |actual - expected| is at most <paramref name="tolerance"/>.</summary>
    public static void Close(double actual, double expected, double tolerance, string what)
    {
        double difference = Math.Abs(actual - expected);
        if (!(difference <= tolerance))
        {
            Assert.Fail(
                $"{what}: {actual:R} where {expected:R} was expected: off by {difference:G3}, allowed {tolerance:G3}");
        }
    }

    /// <summary>Fails unless ||actual - expected|| / ||expected|| (2-norms) is at most
    /// <paramref name="tolerance"/>.</summary>
    public static void CloseInNorm(ReadOnlySpan<float> actual, ReadOnlySpan<double> expected, double tolerance,
        string what)
    {
        Assert.That(actual.Length, Is.EqualTo(expected.Length), what);
        double difference = 0, norm = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double d = actual[i] - expected[i];
            difference += d * d;
            norm += expected[i] * expected[i];
        }

        double relative = norm > 0 ? Math.Sqrt(difference / norm) : Math.Sqrt(difference);
        if (!(relative <= tolerance))
        {
            Assert.Fail($"{what}: relative error in norm {relative:G3}, allowed {tolerance:G3}");
        }
    }

    /// <summary>Fails unless the two hold the same bits.</summary>
    public static void SameBits(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, string what)
    {
        Assert.That(actual.Length, Is.EqualTo(expected.Length), what);
        for (int i = 0; i < actual.Length; i++)
        {
            if (BitConverter.SingleToInt32Bits(actual[i]) != BitConverter.SingleToInt32Bits(expected[i]))
            {
                Assert.Fail(
                    $"{what}: element {i} of {actual.Length}: {actual[i]:R} where {expected[i]:R} was expected, bit "
                        + $"for bit");
            }
        }
    }
}
