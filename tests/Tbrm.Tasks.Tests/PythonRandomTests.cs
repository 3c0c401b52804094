using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Numerics;
using NUnit.Framework;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks.Tests;

/// <summary>The expected values were printed by CPython 3.11's <c>random.Random</c>.</summary>
[TestFixture]
public sealed class PythonRandomTests
{
    [TestCase("0", 3626764237u, 1654615998u, 3255389356u)]
    [TestCase("1", 577090037u, 2444712010u, 3639700191u)]
    [TestCase("-1", 577090037u, 2444712010u, 3639700191u)]
    [TestCase("4294967296", 485306839u, 1508871100u, 1794561286u)]
    [TestCase("18446744073709551621", 2192917427u, 3085273184u, 3778534651u)]
    [TestCase("123456789012345678901234567890", 3124625047u, 947073620u, 685135262u)]
    public void Seeds_of_any_size_and_sign_give_CPythons_words(string seed, uint first, uint second, uint third)
    {
        PythonRandom random = new(BigInteger.Parse(seed, CultureInfo.InvariantCulture));
        ulong[] words = [random.GetRandBits64(32), random.GetRandBits64(32), random.GetRandBits64(32)];
        Assert.That(words, Is.EqualTo(new ulong[] { first, second, third }));
    }

    [Test]
    public void Every_kind_of_draw_consumes_the_stream_as_CPython_does()
    {
        PythonRandom random = new(20251);
        double[] floats = [random.NextDouble(), random.NextDouble(), random.NextDouble()];
        Assert.That(floats, Is.EqualTo(new[] { 0.35086055236433966, 0.12264812590984464, 0.9080541565435105 }));
        Assert.That(random.GetRandBits(100), Is.EqualTo(Big("114402976600941851015085978817")));
        Assert.That(random.GetRandBits(64), Is.EqualTo(Big("16996129257129133171")));
        Assert.That(random.GetRandBits(33), Is.EqualTo((BigInteger)460804129));
        Assert.That(random.GetRandBits(1), Is.EqualTo(BigInteger.Zero));
        Assert.That(random.RandInt(-10, 10), Is.Zero);
        Assert.That(random.RandInt(0, BigInteger.Pow(10, 30)), Is.EqualTo(Big("340822407040308218252840425488")));
        Assert.That(random.RandRange(10, 100, 7), Is.EqualTo((BigInteger)31));
        Assert.That(random.RandRange(100, 10, -7), Is.EqualTo((BigInteger)23));
        int[] shuffled = [.. Enumerable.Range(0, 12)];
        random.Shuffle(shuffled);
        Assert.That(shuffled, Is.EqualTo(new[] { 10, 7, 6, 8, 5, 4, 0, 11, 1, 9, 2, 3 }));
        AssertSamples(random);
        Assert.That(
            Enumerable.Range(0, 10).Select(_ => random.ChoiceIndex([1, 2, 0, 3.5])),
            Is.EqualTo(new[] { 3, 1, 0, 1, 3, 0, 3, 1, 0, 3 }));
        Assert.That(random.Uniform(-3, 8), Is.EqualTo(-2.2028783728723784));
        Assert.That(random.Choice("abc".ToCharArray()), Is.EqualTo('a'));
        Assert.That(random.NextDouble(), Is.EqualTo(0.7732210997737583));
    }

    [Test]
    public void A_saved_state_continues_the_stream([Values(0, 1, 623, 624, 1000)] int drawn)
    {
        PythonRandom random = new(7);
        for (int i = 0; i < drawn; i++)
        {
            random.GetRandBits64(32);
        }

        PythonRandom copy = PythonRandom.FromState(random.State);
        ulong[] expected = [.. Enumerable.Range(0, 700).Select(_ => random.GetRandBits64(32))];
        Assert.That(Enumerable.Range(0, 700).Select(_ => copy.GetRandBits64(32)), Is.EqualTo(expected));
    }

    [Test]
    public void A_malformed_state_and_an_empty_range_are_refused()
    {
        Assert.Throws<ArgumentException>(() => PythonRandom.FromState(new PythonRandomState(new uint[10], 0)));
        Assert.Throws<ArgumentException>(() => PythonRandom.FromState(new PythonRandomState(new uint[624], 625)));
        Assert.Throws<ArgumentException>(() => new PythonRandom(1).RandInt(3, 2));
        Assert.Throws<ArgumentException>(() => new PythonRandom(1).RandRange(3, 3, 1));
        Assert.Throws<ArgumentException>(() => new PythonRandom(1).ChoiceIndex([0, 0]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new PythonRandom(1).Sample(new[] { 1, 2 }, 3));
    }

    /// <summary>The four ways of sampling: from a small pool, by remembered indices, from a large pool, and by
    /// counts.</summary>
    private static void AssertSamples(PythonRandom random)
    {
        Assert.That(random.Sample(Range(20), 3), Is.EqualTo(new[] { 7, 0, 14 }));
        Assert.That(random.Sample(Range(100), 3), Is.EqualTo(new[] { 64, 7, 12 }));
        int[] pooled =
        [
            231, 109, 45, 129, 54, 387, 44, 151, 208, 51, 135, 71, 143, 132, 257,
            318, 251, 161, 224, 102, 24, 309, 295, 353, 315, 147, 344, 361, 97, 37,
        ];
        Assert.That(random.Sample(Range(400), 30), Is.EqualTo(pooled));
        Assert.That(random.Sample(Range(2000), 30)[..5], Is.EqualTo(new[] { 438, 742, 325, 145, 1342 }));
        Assert.That(random.Sample(["a", "b", "c"], [3, 0, 5], 6), Is.EqualTo(new[] { "c", "a", "c", "c", "c", "c" }));
    }

    private static List<int> Range(int count)
    {
        return [.. Enumerable.Range(0, count)];
    }

    private static BigInteger Big(string digits)
    {
        return BigInteger.Parse(digits, CultureInfo.InvariantCulture);
    }
}
