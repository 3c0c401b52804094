using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Tbrm.Core.Errors;
using Tbrm.Data.Sampling;

namespace Tbrm.Data.Replay;

/// <summary>
/// The first-in-first-out buffer of ReVal (arXiv 2603.23355): the newest M items, sampled uniformly, by weight, or the
/// newest first. Sample number k
/// of a buffer is a function of (seed, k, its content): a restored buffer samples what the uninterrupted one would have
/// sampled. Not thread-safe.
/// </summary>
public sealed class ReplayBuffer<T>
{
    private const double TwoTo53 = 9007199254740992;

    private readonly ReplayEntry<T>?[] _ring;
    private readonly ulong _seed;
    private long _draws;

    /// <summary>An empty buffer.</summary>
    /// <param name="capacity">M: the largest number of items; the oldest goes when one more comes.</param>
    /// <param name="seed">Decides the draws.</param>
    public ReplayBuffer(int capacity, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        _ring = new ReplayEntry<T>?[capacity];
        _seed = seed;
    }

    /// <summary>M.</summary>
    public int Capacity => _ring.Length;

    /// <summary>Items in the buffer.</summary>
    public int Count { get; private set; }

    /// <summary>Items ever added.</summary>
    public long Added { get; private set; }

    /// <summary>The item at <paramref name="age"/>: 0 is the oldest, Count - 1 the newest.</summary>
    public ReplayEntry<T> this[int age]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(age);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(age, Count);
            return _ring[(Added - Count + age) % _ring.Length]!;
        }
    }

    /// <summary>Adds an item; the oldest goes if the buffer is full.</summary>
    public ReplayEntry<T> Add(T item)
    {
        ReplayEntry<T> entry = new(Added, item);
        _ring[Added % _ring.Length] = entry;
        Added++;
        Count = Math.Min(Count + 1, _ring.Length);
        return entry;
    }

    /// <summary>Puts another item in an entry's place: the same trajectory with recomputed statistics. One that is gone
    /// stays gone.</summary>
    public void Refresh(ReplayEntry<T> entry, T item)
    {
        if (entry.Id >= Added - Count)
        {
            // A new entry, so that a mark that was set before still has the old one.
            _ring[entry.Id % _ring.Length] = new(entry.Id, item);
        }
    }

    /// <summary>Drops the oldest items for as long as they are to go.</summary>
    public void DropOldest(Predicate<T> goes)
    {
        while (Count > 0 && goes(this[0].Item))
        {
            _ring[(Added - Count) % _ring.Length] = null;
            Count--;
        }
    }

    /// <summary>The buffer as it is now, to come back to.</summary>
    public ReplayMark<T> Mark() => new([.. _ring], Added, Count, _draws);

    /// <summary>The buffer is as it was at a mark.</summary>
    public void Return(ReplayMark<T> mark)
    {
        mark.Ring.CopyTo(_ring, 0);
        (Added, Count, _draws) = (mark.Added, mark.Count, mark.Draws);
    }

    /// <summary>The newest items, the newest first.</summary>
    public IReadOnlyList<ReplayEntry<T>> Newest(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Count);
        return [.. Enumerable.Range(0, count).Select(i => this[Count - 1 - i])];
    }

    /// <summary>
    /// Samples items by weight: without replacement the sequence that successive draws in proportion to the weights of
    /// what is left would give
    /// (Efraimidis and Spirakis 2006: the largest of log(u)/w).
    /// </summary>
    /// <param name="count">How many; without replacement at most <see cref="Count"/>.</param>
    /// <param name="withReplacement">Whether an item may come twice.</param>
    /// <param name="weightOf">Positive and finite.</param>
    public IReadOnlyList<ReplayEntry<T>> Sample(int count, bool withReplacement, Func<T, double> weightOf)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count,
            withReplacement ? (Count == 0 ? 0 : int.MaxValue) : Count);
        PhiloxStream random = new(_seed, RandomPurpose.Replay, _draws++);
        double[] weights = [.. Enumerable.Range(0, Count).Select(age => weightOf(this[age].Item))];
        if (!withReplacement)
        {
            double[] keys = [.. weights.Select(w => Math.Log(Uniform(ref random)) / w)];
            return [.. Enumerable.Range(0, Count).OrderByDescending(age => keys[age]).Take(count)
                .Select(age => this[age])];
        }

        double[] sums = new double[Count];
        double total = 0;
        for (int age = 0; age < Count; age++)
        {
            sums[age] = total += weights[age];
        }

        ReplayEntry<T>[] drawn = new ReplayEntry<T>[count];
        for (int i = 0; i < count; i++)
        {
            int at = Array.BinarySearch(sums, Uniform(ref random) * total);
            drawn[i] = this[Math.Min(at < 0 ? ~at : at, Count - 1)];
        }

        return drawn;
    }

    /// <summary>In (0, 1].</summary>
    private static double Uniform(ref PhiloxStream random) => ((random.Next() >> 11) + 1) / TwoTo53;

    /// <summary>Draws items, each equally likely.</summary>
    /// <param name="count">How many; without replacement at most <see cref="Count"/>.</param>
    /// <param name="withReplacement">Whether an item may come twice in this draw.</param>
    public IReadOnlyList<ReplayEntry<T>> Sample(int count, bool withReplacement)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        int most = withReplacement ? (Count == 0 ? 0 : int.MaxValue) : Count;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, most);

        PhiloxStream random = new(_seed, RandomPurpose.Replay, _draws++);
        ReplayEntry<T>[] drawn = new ReplayEntry<T>[count];
        // Fisher-Yates on 0..Count-1, cut off after `count` steps; only the places that were touched are stored.
        Dictionary<int, int> moved = [];
        for (int i = 0; i < count; i++)
        {
            int place = withReplacement ? (int)random.Below((ulong)Count) : i + (int)random.Below((ulong)(Count - i));
            int age = moved.GetValueOrDefault(place, place);
            if (!withReplacement)
            {
                moved[place] = moved.GetValueOrDefault(i, i);
            }

            drawn[i] = this[age];
        }

        return drawn;
    }

    /// <summary>Writes the whole state: items, ages, number of draws.</summary>
    public void Save(Stream stream, Action<BinaryWriter, T> writeItem)
    {
        ReplayFile.Header header = new(Added, _draws, Count);
        using ReplayFile.Writer writer = new(stream, header);
        for (int age = 0; age < Count; age++)
        {
            ReplayEntry<T> entry = this[age];
            writer.Write(item => writeItem(item, entry.Item));
        }

        writer.Complete();
    }

    /// <summary>
    /// Takes over what <see cref="Save"/> wrote. Capacity and seed stay those of this buffer; if it is smaller than the
    /// saved one, the newest items are kept.
    /// </summary>
    /// <exception cref="DataException">The state is damaged or cut off; this buffer is as before.</exception>
    public void Restore(Stream stream, string name, Func<BinaryReader, T> readItem)
    {
        ReplayEntry<T>?[] ring = new ReplayEntry<T>?[Capacity];
        using ReplayFile.Reader reader = new(stream, name);
        ReplayFile.Header header = reader.Header;
        for (int age = 0; age < header.Count; age++)
        {
            long id = header.Added - header.Count + age;
            T item = reader.Read(readItem);
            if (age >= header.Count - Capacity)
            {
                ring[id % Capacity] = new ReplayEntry<T>(id, item);
            }
        }

        reader.Complete();
        ring.CopyTo(_ring, 0);
        Added = header.Added;
        Count = Math.Min(header.Count, Capacity);
        _draws = header.Draws;
    }
}
