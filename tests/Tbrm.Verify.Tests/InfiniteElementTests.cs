using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Rewards;
using Tbrm.Verify.Graders;

namespace Tbrm.Verify.Tests;

/// <summary>Sets that hold an infinity, which no interval does: grades of Math-Verify 0.8.0 under the profile
/// <c>lighteval</c>.</summary>
public sealed class InfiniteElementTests
{
    [TestCase(@"\{\}", @"\infty", 0)]
    [TestCase(@"\emptyset", @"\pm\infty", 0)]
    [TestCase("1", @"1,\infty", 0)]
    [TestCase(@"\{1,\infty\}", @"\{1,-\infty\}", 0)]
    [TestCase("(0,1)", @"(0,1)\cup\{\infty\}", 0)]
    [TestCase(@"(0,\infty)", @"(0,\infty)\cup\{\infty\}", 0)]
    [TestCase(@"\mathbb{R}", @"\mathbb{R}\cup\{\infty\}", 0)]
    [TestCase(@"\infty,-\infty", @"\pm\infty", 1)]
    [TestCase(@"\mathbb{R}\cup\{\infty\}", @"\mathbb{R}\cup\{\infty\}", 1)]
    [TestCase(@"\{\infty\}\cup(0,1)\cup\{3\}", @"(0,1)\cup\{\infty\}\cup\{3\}", 1)]
    public void An_infinity_counts_as_an_element(string gold, string answer, double expected)
    {
        JsonObject options = new() { ["profile"] = "lighteval" };
        Assert.That(new MathVerifyGrader(options).Grade(new GradeRequest("", $"${answer}$", gold), default).Score,
            Is.EqualTo(expected));
    }
}
