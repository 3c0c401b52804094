using NUnit.Framework;

namespace Tbrm.Verify.Tests;

public sealed class MathVerifyGoldenTests
{
    [Test]
    public void Agrees_with_the_test_cases_of_Math_Verify() =>
        GoldenVectors.AssertAllAgree(new MathVerifyGrader(), "math_verify_upstream.jsonl");
}
