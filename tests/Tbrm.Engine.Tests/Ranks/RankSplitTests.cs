using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Ranks;

namespace Tbrm.Engine.Tests.Ranks;

public sealed class RankSplitTests
{
    [Test]
    public void Ranks_get_consecutive_sequences_of_about_equally_many_tokens()
    {
        Assert.That(RankSplit.Of([10, 10, 10, 10], 2, 100), Is.EqualTo(new[] { 0..2, 2..4 }));
        Assert.That(RankSplit.Of([30, 10, 10, 10], 2, 100), Is.EqualTo(new[] { 0..1, 1..4 }));
        Assert.That(RankSplit.Of([5], 4, 100), Is.EqualTo(new[] { 0..1 }));
        Assert.That(RankSplit.Of([], 4, 100), Is.Empty);
    }

    /// <summary>Whatever the lengths: every sequence once, in order, no rank twice, and nobody over the budget that the
    /// pieces kept to.</summary>
    [Test]
    public void Every_sequence_has_one_rank_within_the_budget()
    {
        Random random = new(3);
        for (int trial = 0; trial < 2000; trial++)
        {
            int ranks = random.Next(1, 6), budget = random.Next(10, 60);
            int[] lengths = [.. Enumerable.Range(0, random.Next(1, 40)).Select(_ => random.Next(1, 30))];
            IReadOnlyList<Range> micro = MicroBatches.Cut(lengths, budget);
            foreach (Range joined in RankSplit.Joined(micro, ranks))
            {
                int[] own = lengths[joined];
                IReadOnlyList<Range> parts = RankSplit.Of(own, ranks, budget);
                Assert.That(parts, Has.Count.LessThanOrEqualTo(ranks));
                Assert.That(parts.SelectMany(p => Enumerable.Range(0, own.Length).Take(p)),
                    Is.EqualTo(Enumerable.Range(0, own.Length)));
                Assert.That(parts.All(p => own[p].Length == 1 || own[p].Sum() <= budget), $"trial {trial}");
            }
        }
    }

    [Test]
    public void A_part_of_a_batch_is_the_batch_of_those_sequences()
    {
        ScoredSequence[] sequences =
        [
            new(new int[] { 1, 2 }, new int[] { 3, 4, 5 }), new(new int[] { 6 }, new int[] { 7, 8 }, Bootstrap: true),
            new(new int[] { 9, 10, 11 }, new int[] { 12, 13 }) { Mask = new[] { false, true } },
        ];
        PackedBatch whole = new(sequences), part = whole.Part(1..3), expected = new(sequences[1..]);
        Assert.That(part.Ids.ToArray(), Is.EqualTo(expected.Ids.ToArray()));
        Assert.That(part.Rows.ToArray(), Is.EqualTo(expected.Rows.ToArray()));
        Assert.That(part.Labels.ToArray(), Is.EqualTo(expected.Labels.ToArray()));
        Assert.That(part.RowOffsets, Is.EqualTo(expected.RowOffsets));
        Assert.That((part.SequenceCount, part.LengthOf(1), whole.RowsOf(1..3)), Is.EqualTo((2, 5, 3..7)));
    }

    [TestCase("auto", true)]
    [TestCase("cuda:1", true)]
    [TestCase("torch", true)]
    [TestCase("torch:cuda:3", true)]
    [TestCase("torch:torch", false)]
    [TestCase("torch:auto", false)]
    [TestCase("cpu:0", false)]
    [TestCase("cuda:-1", false)]
    public void Devices_have_names(string name, bool isOne)
    {
        Assert.That(EngineDevice.IsName(name), Is.EqualTo(isOne));
        Assert.That(EngineDevice.IsTorchName(name),
            Is.EqualTo(isOne && name.StartsWith("torch", StringComparison.Ordinal)));
    }

    [Test]
    public void A_rank_has_a_GPU_of_its_own_or_the_CPU()
    {
        Assert.That(EngineDevice.NameOfRank("auto", isCuda: true, 2), Is.EqualTo("cuda:2"));
        Assert.That(EngineDevice.NameOfRank("torch:cuda", isCuda: true, 1), Is.EqualTo("torch:cuda:1"));
        Assert.That(EngineDevice.NameOfRank("torch", isCuda: false, 1), Is.EqualTo("torch:cpu"));
        Assert.That(EngineDevice.NameOfRank("auto", isCuda: false, 1), Is.EqualTo("cpu"));
        Assert.That(EngineDevice.IsOfAnyRank("cuda"), Is.False, "weights are not copied between GPUs");
    }
}
