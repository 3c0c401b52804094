using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Data.Replay;

namespace Tbrm.Data.Tests.Replay;

internal sealed class ReplayBufferTests
{
    [Test]
    public void The_oldest_items_go_first()
    {
        ReplayBuffer<int> buffer = Filled(capacity: 5, items: 12);

        Assert.That(Items(buffer), Is.EqualTo(new[] { 7, 8, 9, 10, 11 }));
        Assert.That(buffer[0].Id, Is.EqualTo(7));
        Assert.That(buffer.Added, Is.EqualTo(12));
    }

    [Test]
    public void A_draw_without_replacement_holds_no_item_twice()
    {
        ReplayBuffer<int> buffer = Filled(capacity: 20, items: 33);
        for (int draw = 0; draw < 200; draw++)
        {
            Assert.That(buffer.Sample(13, withReplacement: false).Select(entry => entry.Item),
                Is.Unique.And.All.InRange(13, 32));
        }

        Assert.That(buffer.Sample(20, withReplacement: false).Select(entry => entry.Item).Order(),
            Is.EqualTo(Items(buffer)));
        Assert.That(() => buffer.Sample(21, withReplacement: false), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Every_item_is_drawn_equally_often(bool withReplacement)
    {
        const int Size = 8, Draws = 20_000, PerDraw = 3;
        ReplayBuffer<int> buffer = Filled(Size, Size);
        int[] seen = new int[Size];
        for (int draw = 0; draw < Draws; draw++)
        {
            foreach (ReplayEntry<int> entry in buffer.Sample(PerDraw, withReplacement))
            {
                seen[entry.Item]++;
            }
        }

        // Chi-square with 7 degrees of freedom exceeds 38 less than once in 300 000 seeds (and is smaller without
        // replacement).
        double expected = (double)Draws * PerDraw / Size;
        double chiSquare = seen.Sum(count => (count - expected) * (count - expected) / expected);
        Assert.That(chiSquare, Is.LessThan(38));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Items_are_sampled_in_proportion_to_their_weights(bool withReplacement)
    {
        const int Size = 5, Draws = 40_000;
        ReplayBuffer<int> buffer = Filled(Size, Size);
        int[] seen = new int[Size];
        for (int draw = 0; draw < Draws; draw++)
        {
            seen[buffer.Sample(1, withReplacement, i => i + 1)[0].Item]++;
        }

        // Chi-square with 4 degrees of freedom exceeds 32 less than once in 500 000 seeds.
        double chiSquare = seen.Select(
            (count, i) => (count - Draws * (i + 1) / 15.0) * (count - Draws * (i + 1) / 15.0) / (Draws * (
            i + 1) / 15.0)).Sum();
        Assert.That(chiSquare, Is.LessThan(32));
        Assert.That(buffer.Sample(Size, withReplacement: false, i => i + 1).Select(e => e.Item),
            Is.EquivalentTo(Items(buffer)));
    }

    [Test]
    public void Weights_without_replacement_are_those_of_successive_draws()
    {
        const int Draws = 40_000;
        ReplayBuffer<int> buffer = Filled(3, 3);
        int seen = Enumerable.Range(0, Draws)
            .Count(_ => buffer.Sample(2, withReplacement: false, i => new double[] { 1, 2, 4 }[i])
            .All(e => e.Item > 0));

        // P({1, 2}) = 2/7 * 4/5 + 4/7 * 2/3; five standard deviations of a share of 40 000.
        double expected = 2.0 / 7 * 4 / 5 + 4.0 / 7 * 2 / 3;
        Assert.That((double)seen / Draws,
            Is.EqualTo(expected).Within(5 * Math.Sqrt(expected * (1 - expected) / Draws)));
    }

    [Test]
    public void The_newest_come_first_and_the_oldest_can_be_dropped()
    {
        ReplayBuffer<int> buffer = Filled(capacity: 5, items: 12);
        Assert.That(buffer.Newest(3).Select(e => e.Item), Is.EqualTo(new[] { 11, 10, 9 }));
        buffer.DropOldest(i => i < 10);
        Assert.That(Items(buffer), Is.EqualTo(new[] { 10, 11 }));
        buffer.Add(12);
        Assert.That(Items(buffer), Is.EqualTo(new[] { 10, 11, 12 }));
        Assert.That(Items(Restore(Save(buffer), 5)), Is.EqualTo(new[] { 10, 11, 12 }));
    }

    [Test]
    public void A_buffer_comes_back_to_its_mark()
    {
        ReplayBuffer<int> buffer = Filled(capacity: 4, items: 6), other = Filled(capacity: 4, items: 6);
        ReplayMark<int> mark = buffer.Mark();
        buffer.Refresh(buffer[1], -1);
        buffer.Add(50);
        Draw(buffer);
        buffer.Return(mark);
        Assert.That(Items(buffer), Is.EqualTo(Items(other)));
        Assert.That(Draw(buffer), Is.EqualTo(Draw(other)), "the number of draws comes back too");
    }

    [Test]
    public void A_refreshed_item_keeps_its_place_and_one_that_is_gone_stays_gone()
    {
        ReplayBuffer<int> buffer = Filled(capacity: 3, items: 3);
        ReplayEntry<int> first = buffer[0], last = buffer[2];
        buffer.Add(3);
        buffer.Refresh(last, 20);
        buffer.Refresh(first, 99);
        Assert.That(Items(buffer), Is.EqualTo(new[] { 1, 20, 3 }));
    }

    [Test]
    public void A_restored_buffer_draws_what_the_uninterrupted_one_draws()
    {
        ReplayBuffer<int> buffer = Filled(capacity: 6, items: 9);
        buffer.Sample(3, withReplacement: true);
        buffer.Add(99);
        ReplayBuffer<int> restored = Restore(Save(buffer), 6);

        Assert.That(Items(restored), Is.EqualTo(Items(buffer)));
        for (int i = 0; i < 20; i++)
        {
            buffer.Add(i);
            restored.Add(i);
            Assert.That(Draw(restored), Is.EqualTo(Draw(buffer)));
        }
    }

    [Test]
    public void Another_capacity_keeps_the_newest_items()
    {
        byte[] saved = Save(Filled(capacity: 6, items: 9));
        ReplayBuffer<int> larger = Restore(saved, 10);
        larger.Add(42);

        Assert.That(Items(Restore(saved, 2)), Is.EqualTo(new[] { 7, 8 }));
        Assert.That(Items(larger), Is.EqualTo(new[] { 3, 4, 5, 6, 7, 8, 42 }));
    }

    [Test]
    public void Any_changed_or_missing_byte_is_noticed_and_changes_nothing()
    {
        byte[] saved = Save(Filled(capacity: 3, items: 5));
        ReplayBuffer<int> buffer = Filled(capacity: 3, items: 1);
        for (int at = 0; at < saved.Length; at++)
        {
            byte[] changed = [.. saved];
            changed[at] ^= 0x40;
            Assert.That(() => buffer.Restore(new MemoryStream(changed), "replay.bin", Read),
                Throws.TypeOf<DataException>(), $"byte {at}");
            Assert.That(() => buffer.Restore(new MemoryStream(saved[..at]), "replay.bin", Read),
                Throws.TypeOf<DataException>(), $"cut at {at}");
        }

        Assert.That(Items(buffer), Is.EqualTo(new[] { 0 }));
    }

    private static int Read(BinaryReader reader) => reader.ReadInt32();

    private static ReplayBuffer<int> Filled(int capacity, int items)
    {
        ReplayBuffer<int> buffer = new(capacity, seed: 17);
        for (int i = 0; i < items; i++)
        {
            buffer.Add(i);
        }

        return buffer;
    }

    private static List<int> Items(ReplayBuffer<int> buffer) =>
        [.. Enumerable.Range(0, buffer.Count).Select(age => buffer[age].Item)];

    private static int[] Draw(ReplayBuffer<int> buffer) =>
        [.. buffer.Sample(4, withReplacement: false).Select(entry => entry.Item)];

    private static byte[] Save(ReplayBuffer<int> buffer)
    {
        using MemoryStream stream = new();
        buffer.Save(stream, (writer, item) => writer.Write(item));
        return stream.ToArray();
    }

    private static ReplayBuffer<int> Restore(byte[] saved, int capacity)
    {
        ReplayBuffer<int> buffer = new(capacity, seed: 17);
        buffer.Restore(new MemoryStream(saved), "replay.bin", Read);
        return buffer;
    }
}
