using NUnit.Framework;
using Tbrm.Data.Sampling;

namespace Tbrm.Data.Tests.Sampling;

internal sealed class PhiloxTests
{
    // Known answers of Random123 1.14 (tests/kat_vectors, "philox4x32 10"): counter 0..3, key 0..1, result 0..3.
    [TestCase("00000000 00000000 00000000 00000000 00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8")]
    [TestCase("ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd")]
    [TestCase("243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1")]
    public void The_block_function_gives_the_published_answers(string input, string output)
    {
        (ulong low, ulong high) =
            Philox.Block(key: Pair(input, 4), counterLow: Pair(input, 0), counterHigh: Pair(input, 2));

        Assert.That((low, high), Is.EqualTo((Pair(output, 0), Pair(output, 2))));
    }

    [Test]
    public void Streams_of_different_purposes_or_numbers_share_nothing()
    {
        PhiloxStream first = new(7, RandomPurpose.EpochOrder, 0);
        PhiloxStream second = new(7, RandomPurpose.Replay, 0);
        PhiloxStream third = new(7, RandomPurpose.EpochOrder, 1);
        ulong[] words = [first.Next(), first.Next(), first.Next(), second.Next(), second.Next(), third.Next(),
            third.Next()];

        Assert.That(words, Is.Unique);
    }

    [Test]
    public void Numbers_below_a_bound_are_equally_likely()
    {
        const int Bound = 7, Draws = 70_000;
        int[] seen = new int[Bound];
        PhiloxStream random = new(3, RandomPurpose.Replay, 5);
        for (int i = 0; i < Draws; i++)
        {
            seen[random.Below(Bound)]++;
        }

        // Chi-square with 6 degrees of freedom exceeds 33.1 once in 100 000 seeds.
        double chiSquare = 0, expected = Draws / (double)Bound;
        foreach (int count in seen)
        {
            chiSquare += (count - expected) * (count - expected) / expected;
        }

        Assert.That(chiSquare, Is.LessThan(33.1));
    }

    private static ulong Pair(string words, int at)
    {
        string[] parts = words.Split(' ');
        return System.Convert.ToUInt32(parts[at], 16) | ((ulong)System.Convert.ToUInt32(parts[at + 1], 16) << 32);
    }
}
