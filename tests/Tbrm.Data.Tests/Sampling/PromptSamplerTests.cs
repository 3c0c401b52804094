using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Data.Sampling;
using Tbrm.Data.Tests.Support;

namespace Tbrm.Data.Tests.Sampling;

internal sealed class PromptSamplerTests
{
    [Test]
    public void An_epoch_holds_every_prompt_once_and_each_epoch_has_another_order()
    {
        PromptSampler sampler = new(SamplePrompts.List(103), new() { BatchSize = 10, Seed = 1, DropLast = false });
        long[] first = Epoch(sampler), second = Epoch(sampler);

        Assert.That(first.Order(), Is.EqualTo(Enumerable.Range(0, 103).Select(i => (long)i)));
        Assert.That(second.Order(), Is.EqualTo(first.Order()));
        Assert.That(second, Is.Not.EqualTo(first));
        Assert.That(first, Is.Not.Ordered);
    }

    [Test]
    public void The_order_is_the_documented_permutation_of_seed_and_epoch()
    {
        PromptSampler sampler = new(SamplePrompts.List(50), new() { BatchSize = 50, Seed = 9 });
        for (long epoch = 0; epoch < 3; epoch++)
        {
            long[] expected = [.. SeededPermutation.Create(50, 9, RandomPurpose.EpochOrder, epoch)
                .Select(i => (long)i)];
            Assert.That(SamplePrompts.Indices(sampler.Next()), Is.EqualTo(expected));
        }
    }

    [Test]
    public void Every_order_of_four_is_equally_likely()
    {
        const int Orders = 24, PerOrder = 400;
        Dictionary<string, int> seen = [];
        for (int epoch = 0; epoch < Orders * PerOrder; epoch++)
        {
            string order = string.Concat(SeededPermutation.Create(4, 11, RandomPurpose.EpochOrder, epoch));
            seen[order] = seen.GetValueOrDefault(order) + 1;
        }

        // Chi-square with 23 degrees of freedom exceeds 66.2 once in 200 000 seeds.
        double chiSquare = seen.Values.Sum(count => (count - (double)PerOrder) * (count - PerOrder) / PerOrder);
        Assert.That(seen, Has.Count.EqualTo(Orders));
        Assert.That(chiSquare, Is.LessThan(66.2));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void A_sampler_resumed_anywhere_goes_on_as_if_never_interrupted(bool dropLast)
    {
        SamplerOptions options = new() { BatchSize = 4, Seed = 5, DropLast = dropLast, Epochs = 3 };
        long[][] expected = [.. Batches(new PromptSampler(SamplePrompts.List(11), options))];
        for (int interruption = 0; interruption <= expected.Length; interruption++)
        {
            PromptSampler before = new(SamplePrompts.List(11), options);
            List<long[]> batches = [];
            for (int i = 0; i < interruption; i++)
            {
                batches.Add(SamplePrompts.Indices(before.Next()));
            }

            string saved = before.State.ToJson().ToJsonString();
            PromptSampler after = new(SamplePrompts.List(11), options);
            after.Restore(SamplerState.FromJson((JsonObject)JsonNode.Parse(saved)!));
            batches.AddRange(Batches(after));

            Assert.That(batches, Is.EqualTo(expected), $"interrupted before batch {interruption}");
        }
    }

    [Test]
    public void The_last_batch_of_an_epoch_is_dropped_or_short()
    {
        SamplerOptions dropping = new() { BatchSize = 4, Epochs = 2 };
        PromptSampler dropped = new(SamplePrompts.List(10), dropping);
        PromptSampler kept = new(SamplePrompts.List(10), dropping with { DropLast = false });

        Assert.That(dropped.BatchesPerEpoch, Is.EqualTo(2));
        Assert.That(kept.BatchesPerEpoch, Is.EqualTo(3));
        Assert.That(Batches(dropped).Select(batch => batch.Length), Is.EqualTo(new[] { 4, 4, 4, 4 }));
        Assert.That(Batches(kept).Select(batch => batch.Length), Is.EqualTo(new[] { 4, 4, 2, 4, 4, 2 }));
        Assert.That(kept.Next(), Is.Null, "the end stays the end");
    }

    [Test]
    public void Without_shuffling_the_order_is_the_source_s()
    {
        PromptSampler sampler =
            new(SamplePrompts.List(5), new() { BatchSize = 2, Shuffle = false, DropLast = false, Epochs = 1 });

        Assert.That(Batches(sampler), Is.EqualTo(new long[][] { [0, 1], [2, 3], [4] }));
    }

    [Test]
    public void A_source_without_end_is_walked_through_in_order()
    {
        PromptSampler sampler = new(new SamplePrompts.Endless(), new() { BatchSize = 3, Epochs = 1 });
        sampler.Next();
        PromptSampler resumed = new(new SamplePrompts.Endless(), new() { BatchSize = 3, Epochs = 1 });
        resumed.Restore(sampler.State);

        Assert.That(sampler.BatchesPerEpoch, Is.Null);
        Assert.That(SamplePrompts.Indices(sampler.Next()), Is.EqualTo(new long[] { 3, 4, 5 }));
        Assert.That(SamplePrompts.Indices(resumed.Next()), Is.EqualTo(new long[] { 3, 4, 5 }));
    }

    [Test]
    public void A_state_of_another_data_set_or_seed_is_refused()
    {
        PromptSampler sampler = new(SamplePrompts.List(10), new() { BatchSize = 2, Seed = 1 });
        SamplerState state = sampler.State;

        Assert.That(() => new PromptSampler(SamplePrompts.List(11), new() { BatchSize = 2, Seed = 1 }).Restore(state),
            Throws.TypeOf<DataException>().With.Message.Contains("10"));
        Assert.That(() => new PromptSampler(SamplePrompts.List(10), new() { BatchSize = 2, Seed = 2 }).Restore(state),
            Throws.TypeOf<DataException>().With.Message.Contains("seed"));
        Assert.That(() => sampler.Restore(state with { Position = 12 }), Throws.TypeOf<DataException>());
        Assert.That(() => SamplerState.FromJson(new JsonObject { ["epoch"] = "one" }), Throws.TypeOf<DataException>());
    }

    [Test]
    public void Batch_sizes_that_cannot_be_filled_are_refused_at_once()
    {
        Assert.That(() => new PromptSampler(SamplePrompts.List(3), new() { BatchSize = 4 }),
            Throws.TypeOf<ConfigException>().With.Message.Contains("train_batch_size"));
        Assert.That(() => new PromptSampler(SamplePrompts.List(3), new() { BatchSize = 0 }),
            Throws.TypeOf<ConfigException>());
        Assert.That(() => new PromptSampler(SamplePrompts.List(0), new() { BatchSize = 1 }),
            Throws.TypeOf<DataException>());
    }

    private static long[] Epoch(PromptSampler sampler)
    {
        return [.. Enumerable.Range(0, (int)sampler.BatchesPerEpoch!)
            .SelectMany(_ => SamplePrompts.Indices(sampler.Next()))];
    }

    private static IEnumerable<long[]> Batches(PromptSampler sampler)
    {
        while (sampler.Next() is IReadOnlyList<Prompt> batch)
        {
            yield return SamplePrompts.Indices(batch);
        }
    }
}
