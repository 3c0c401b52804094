using System;
using System.Collections.Generic;
using System.IO;
using Tbrm.Core.Errors;
using Tbrm.Data.Sampling;

namespace Tbrm.Data.Replay;

/// <summary>
/// The first-in-first-out buffer of ReVal (arXiv 2603.23355): the newest M trajectories, sampled uniformly. When the
/// reference policy is reset, the reference statistics of all items become stale and are recomputed when an item is next
/// drawn. Draw number k of a buffer is a function of (seed, k, its content): a restored buffer draws what the
/// uninterrupted one would have drawn. Not thread-safe.
/// </summary>
public sealed class ReplayBuffer<T>
{
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

    /// <summary>How often the reference policy was reset.</summary>
    public int ReferenceVersion { get; private set; }

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

    /// <summary>Adds an item whose statistics are of the present reference; the oldest goes if the buffer is full.</summary>
    public ReplayEntry<T> Add(T item)
    {
        ReplayEntry<T> entry = new(Added, item, ReferenceVersion);
        _ring[Added % _ring.Length] = entry;
        Added++;
        Count = Math.Min(Count + 1, _ring.Length);
        return entry;
    }

    /// <summary>The reference policy has changed: what the items carry of it is stale from here on.</summary>
    public void ResetReference() => ReferenceVersion++;

    /// <summary>Whether the item's reference statistics have to be recomputed before it is used.</summary>
    public bool IsStale(ReplayEntry<T> entry) => entry.ReferenceVersion != ReferenceVersion;

    /// <summary>Gives an item recomputed statistics, of the present reference.</summary>
    public void Refresh(ReplayEntry<T> entry, T item)
    {
        entry.Item = item;
        entry.ReferenceVersion = ReferenceVersion;
    }

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

    /// <summary>Writes the whole state: items, ages, versions, number of draws.</summary>
    public void Save(Stream stream, Action<BinaryWriter, T> writeItem)
    {
        ReplayFile.Header header = new(Added, _draws, ReferenceVersion, Count);
        using ReplayFile.Writer writer = new(stream, header);
        for (int age = 0; age < Count; age++)
        {
            ReplayEntry<T> entry = this[age];
            writer.Write(entry.ReferenceVersion, item => writeItem(item, entry.Item));
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
            (int version, T item) = reader.Read(readItem);
            if (age >= header.Count - Capacity)
            {
                ring[id % Capacity] = new ReplayEntry<T>(id, item, version);
            }
        }

        reader.Complete();
        ring.CopyTo(_ring, 0);
        Added = header.Added;
        Count = Math.Min(header.Count, Capacity);
        ReferenceVersion = header.ReferenceVersion;
        _draws = header.Draws;
    }
}
