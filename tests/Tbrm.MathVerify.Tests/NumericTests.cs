using System.Collections.Generic;
using System.Globalization;
using System.Numerics;
using NUnit.Framework;
using Tbrm.MathVerify.Algebra;
using Tbrm.MathVerify.Latex;

namespace Tbrm.MathVerify.Tests;

/// <summary>The arithmetic below the comparison, against values computed with mpmath 1.3.0 at 60 digits.</summary>
public sealed class NumericTests
{
    [TestCase(@"\pi", "3.14159265358979323846264338327950288419716939937510582097494")]
    [TestCase("e", "2.71828182845904523536028747135266249775724709369995957496697")]
    [TestCase(@"\ln 2", "0.693147180559945309417232121458176568075500134360255254120680")]
    [TestCase(@"\sqrt{2}", "1.41421356237309504880168872420969807856967187537694807317668")]
    [TestCase(@"\sin 1", "0.841470984807896506652502321630298999622563060798371065672752")]
    [TestCase(@"\cos 1", "0.540302305868139717400936607442976603732310420617922227670097")]
    [TestCase(@"\arctan 2", "1.10714871779409050301706546017853704007004764540143264667654")]
    [TestCase(@"\arcsin \frac{1}{3}", "0.339836909454121937096392513391764066388244690332458071431923")]
    [TestCase(@"2^{\frac{1}{3}}", "1.25992104989487316476721060727822835057025146470150798008198")]
    [TestCase(@"\log_{2} 10", "3.32192809488736234787031942948939017586483139302458061205476")]
    [TestCase(@"\cosh 1", "1.54308063481524377847790562075706168260152911236586370473740")]
    [TestCase(@"(\frac{1}{2})!", "0.886226925452758013649083741670572591398774728061193564106904")]
    public void A_value_lies_within_its_error_bound(string latex, string digits)
    {
        Budget budget = new(default);
        Ball ball = ZeroTest.TryEvaluate(LatexConverter.Convert(latex, true, budget), 256, budget)!.Value;
        BigFloat expected = BigFloat.FromRational(BigRational.ParseDecimal(digits), 256);
        BigFloat difference = BigFloat.Subtract(ball.Value.Re, expected, 256);

        // The digits given are good to 2^-195.
        Assert.That(difference.Magnitude, Is.LessThan(-190), latex);
        Assert.That(ball.ErrorBits, Is.LessThan(-190), latex);
        Assert.That(ball.Value.IsReal, Is.True);
    }

    [Test]
    public void Rational_arithmetic_is_exact()
    {
        BigRational third = new(1, 3);
        Assert.That(third + third + third, Is.EqualTo(BigRational.One));
        Assert.That(new BigRational(-7, 2).Floor(), Is.EqualTo(new BigInteger(-4)));
        Assert.That(BigRational.ParseDecimal("-12.50e-1"), Is.EqualTo(new BigRational(-5, 4)));
        Assert.That(default(BigRational), Is.EqualTo(BigRational.Zero));
    }

    [Test]
    public void Division_and_roots_are_rounded_to_nearest([Values(1, 2, 7, 1000003)] int divisor,
        [Values(24, 53, 200)] int bits)
    {
        BigFloat quotient = BigFloat.Divide(22, divisor, bits);
        BigRational error = BigRational.Abs(quotient.ToRational() - new BigRational(22, divisor));
        BigRational halfUnit = BigFloat.FromRational(1, bits)
            .ToRational() * new BigFloat(1, quotient.Magnitude - bits - 1).ToRational();
        Assert.That(error <= halfUnit, Is.True, $"22/{divisor} at {bits} bits is off by more than half a unit");
        Assert.That(BigFloat.Divide(22, divisor, 53).ToDouble(), Is.EqualTo(22.0 / divisor));
        Assert.That(BigFloat.Sqrt(divisor, 53).ToDouble(), Is.EqualTo(double.Sqrt(divisor)));
    }

    [TestCase(@"\sin^2 x+\cos^2 x", "1", true)]
    [TestCase(@"\sqrt{x^2}", "x", false)]
    [TestCase(@"\sqrt{x^2}", "|x|", true)]
    [TestCase(@"\ln(x^2)", @"2\ln x", false)]
    [TestCase(@"\frac{x^2-1}{x-1}", "x+1", true)]
    [TestCase(@"\max(x,1000)", "1000", false)]
    [TestCase(@"\sqrt{3+2\sqrt{2}}", @"1+\sqrt{2}", true)]
    [TestCase(@"\sqrt{2}+\sqrt{3}", @"\sqrt{5+2\sqrt{6}}", true)]
    [TestCase(@"\frac{(n+1)!}{n!}", "n+1", true)]
    [TestCase(@"\binom{n}{2}", @"\frac{n \cdot (n-1)}{2}", true)]
    [TestCase("10^{-60}", "10^{-61}", false)]
    [TestCase(@"\sin(10^{-20})", "10^{-20}", false)]
    [TestCase("10^{100}+1", "10^{100}", false)]
    [TestCase(@"10^{100}\sqrt{2}+1", @"10^{100}\sqrt{2}", false)]
    [TestCase(@"10^{1000}\sqrt{2}+1", @"1+10^{1000}\sqrt{2}", true)]
    public void Equality_holds_at_every_point_or_not_at_all(string left, string right, bool equal)
    {
        Budget budget = new(default);
        Assert.That(ZeroTest.AreEqual(
            LatexConverter.Convert(left, true, budget), LatexConverter.Convert(right, true, budget), budget),
            Is.EqualTo(equal));
    }

    [Test]
    public void Numbers_print_in_lowest_terms()
    {
        List<string> printed = [new BigRational(6, -4).ToString(), new BigRational(8, 4).ToString()];
        Assert.That(printed, Is.EqualTo(new[] { "-3/2", 2.ToString(CultureInfo.InvariantCulture) }));
    }
}
