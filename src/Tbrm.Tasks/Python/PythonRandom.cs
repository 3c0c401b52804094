using System;
using System.Collections.Generic;
using System.Numerics;

namespace Tbrm.Tasks.Python;

/// <summary>
/// CPython's <c>random.Random</c> bit for bit: MT19937 (Matsumoto and Nishimura, 1998) seeded by <c>init_by_array</c>
/// with the
/// 32-bit words of the seed's absolute value, and the derived draws of <c>Lib/random.py</c> (3.10 to 3.13 draw alike).
/// Not thread-safe: give each thread, or each item, its own.
/// </summary>
public sealed class PythonRandom
{
    private const int Words = 624;
    private const int Middle = 397;

    private readonly uint[] _state = new uint[Words];
    private int _position;

    /// <summary>As <c>random.Random(seed)</c>; the sign of the seed does not matter.</summary>
    public PythonRandom(BigInteger seed)
    {
        Seed(seed);
    }

    private PythonRandom(PythonRandomState state)
    {
        state.Words.AsSpan().CopyTo(_state);
        _position = state.Position;
    }

    /// <summary>The state as <c>getstate()[1]</c> gives it: 624 words and the position among them.</summary>
    public PythonRandomState State => new([.. _state], _position);

    /// <summary>A generator that continues from a saved state.</summary>
    /// <exception cref="ArgumentException">The state has not 624 words, or its position lies outside 0 to
    /// 624.</exception>
    public static PythonRandom FromState(PythonRandomState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.Words.Length != Words || state.Position is < 0 or > Words)
        {
            throw new ArgumentException(
                $"a state of {Words} words at a position of 0 to {Words} was expected; found {state.Words.Length} "
                    + $"words at position {state.Position}",
                nameof(state));
        }

        return new PythonRandom(state);
    }

    /// <summary>The next float in [0, 1), 53 bits of it random (<c>random()</c>).</summary>
    public double NextDouble()
    {
        uint high = NextWord() >> 5, low = NextWord() >> 6;
        return ((high * 67108864.0) + low) * (1.0 / 9007199254740992.0);
    }

    /// <summary><paramref name="bits"/> random bits as a number (<c>getrandbits</c>), 0 to 64 of them.</summary>
    public ulong GetRandBits64(int bits)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)bits, 64u, nameof(bits));
        if (bits == 0)
        {
            return 0;
        }

        if (bits <= 32)
        {
            return NextWord() >> (32 - bits);
        }

        ulong low = NextWord();
        return low | ((ulong)(NextWord() >> (64 - bits)) << 32);
    }

    /// <summary><paramref name="bits"/> random bits as a number (<c>getrandbits</c>), any count from 0.</summary>
    public BigInteger GetRandBits(int bits)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bits);
        if (bits <= 64)
        {
            return GetRandBits64(bits);
        }

        int words = (bits + 31) / 32;
        byte[] bytes = new byte[words * 4];
        for (int i = 0; i < words; i++)
        {
            uint word = NextWord();
            int missing = ((i + 1) * 32) - bits;
            BitConverter.TryWriteBytes(bytes.AsSpan(i * 4), missing > 0 ? word >> missing : word);
        }

        return new BigInteger(bytes, isUnsigned: true);
    }

    /// <summary>A uniform integer in [0, <paramref name="bound"/>); bound is positive (<c>_randbelow</c>).</summary>
    public long RandBelow(long bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        int bits = 64 - BitOperations.LeadingZeroCount((ulong)bound);
        ulong drawn = GetRandBits64(bits);
        while (drawn >= (ulong)bound)
        {
            drawn = GetRandBits64(bits);
        }

        return (long)drawn;
    }

    /// <summary>A uniform integer in [0, <paramref name="bound"/>); bound is positive (<c>_randbelow</c>).</summary>
    public BigInteger RandBelow(BigInteger bound)
    {
        if (bound <= long.MaxValue)
        {
            return RandBelow((long)bound);
        }

        int bits = (int)bound.GetBitLength();
        BigInteger drawn = GetRandBits(bits);
        while (drawn >= bound)
        {
            drawn = GetRandBits(bits);
        }

        return drawn;
    }

    /// <summary>A uniform integer in [<paramref name="low"/>, <paramref name="high"/>], both ends included
    /// (<c>randint</c>).</summary>
    public long RandInt(long low, long high)
    {
        BigInteger width = (BigInteger)high - low + 1;
        return (long)(low + RandBelow(CheckedWidth(width, low, high)));
    }

    /// <summary>A uniform integer in [<paramref name="low"/>, <paramref name="high"/>], both ends included
    /// (<c>randint</c>).</summary>
    public BigInteger RandInt(BigInteger low, BigInteger high)
    {
        return low + RandBelow(CheckedWidth(high - low + 1, low, high));
    }

    /// <summary><see cref="RandInt(long, long)"/> for counts and coordinates.</summary>
    public int RandInt(int low, int high)
    {
        return (int)RandInt((long)low, high);
    }

    /// <summary>So many uniform integers in [<paramref name="low"/>, <paramref name="high"/>], both ends
    /// included.</summary>
    public List<BigInteger> RandInts(int count, BigInteger low, BigInteger high)
    {
        List<BigInteger> drawn = new(count);
        for (int i = 0; i < count; i++)
        {
            drawn.Add(RandInt(low, high));
        }

        return drawn;
    }

    /// <summary>A uniform element of <c>range(start, stop, step)</c> (<c>randrange</c>).</summary>
    public BigInteger RandRange(BigInteger start, BigInteger stop, BigInteger step)
    {
        if (step.IsZero)
        {
            throw new ArgumentException("a step other than 0 was expected", nameof(step));
        }

        BigInteger span = stop - start;
        BigInteger count = step.Sign > 0 ? (span + step - 1) / step : (-span - step - 1) / -step;
        if (span.Sign * step.Sign <= 0)
        {
            throw new ArgumentException($"range({start}, {stop}, {step}) is empty", nameof(stop));
        }

        return start + (step * RandBelow(count));
    }

    /// <summary>A uniform element of a list that is not empty (<c>choice</c>).</summary>
    public T Choice<T>(IReadOnlyList<T> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        return items[(int)RandBelow((long)items.Count)];
    }

    /// <summary>Puts a list into random order, in place (<c>shuffle</c>).</summary>
    public void Shuffle<T>(IList<T> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        for (int i = items.Count - 1; i > 0; i--)
        {
            int j = (int)RandBelow((long)(i + 1));
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    /// <summary><paramref name="count"/> elements without replacement, in order of drawing (<c>sample</c>).</summary>
    public T[] Sample<T>(IReadOnlyList<T> items, int count)
    {
        ArgumentNullException.ThrowIfNull(items);
        int total = items.Count;
        if (count < 0 || count > total)
        {
            throw new ArgumentOutOfRangeException(nameof(count),
                $"a sample of 0 to {total} elements was expected; found {count}");
        }

        T[] chosen = new T[count];
        if (total <= PoolLimit(count))
        {
            T[] pool = [.. items];
            for (int i = 0; i < count; i++)
            {
                int j = (int)RandBelow((long)(total - i));
                chosen[i] = pool[j];
                pool[j] = pool[total - i - 1];
            }

            return chosen;
        }

        HashSet<int> selected = [];
        for (int i = 0; i < count; i++)
        {
            int j = (int)RandBelow((long)total);
            while (!selected.Add(j))
            {
                j = (int)RandBelow((long)total);
            }

            chosen[i] = items[j];
        }

        return chosen;
    }

    /// <summary>
    /// <paramref name="count"/> elements, each counted <paramref name="counts"/>[i] times, without replacement
    /// (<c>sample(..., counts=)</c>).
    /// </summary>
    public T[] Sample<T>(IReadOnlyList<T> items, IReadOnlyList<int> counts, int count)
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentNullException.ThrowIfNull(counts);
        int[] ends = new int[counts.Count];
        int total = 0;
        for (int i = 0; i < ends.Length; i++)
        {
            ends[i] = total += counts[i];
        }

        int[] positions = new int[total];
        for (int i = 0; i < total; i++)
        {
            positions[i] = i;
        }

        int[] drawn = Sample(positions, count);
        return Array.ConvertAll(drawn, p => items[BisectRight(ends, p, ends.Length)]);
    }

    /// <summary>One index drawn with the given relative weights (<c>choices(range(n), weights)[0]</c>).</summary>
    /// <exception cref="ArgumentException">The weights do not sum to a positive finite number.</exception>
    public int ChoiceIndex(IReadOnlyList<double> weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        double[] cumulative = new double[weights.Count];
        double total = 0;
        for (int i = 0; i < cumulative.Length; i++)
        {
            cumulative[i] = total += weights[i];
        }

        if (!(total > 0) || !double.IsFinite(total))
        {
            throw new ArgumentException($"weights with a positive finite sum were expected; found {total}",
                nameof(weights));
        }

        return BisectRight(cumulative, NextDouble() * total, cumulative.Length - 1);
    }

    /// <summary>A uniform float between two numbers (<c>uniform</c>).</summary>
    public double Uniform(double low, double high)
    {
        return low + ((high - low) * NextDouble());
    }

    /// <summary>Up to this many elements, <c>sample</c> draws from a copied pool; above, it remembers which indices it
    /// has taken.</summary>
    private static double PoolLimit(int count)
    {
        double limit = 21;
        if (count > 5)
        {
            limit += Math.Pow(4, Math.Ceiling(Math.Log(count * 3.0) / Math.Log(4.0)));
        }

        return limit;
    }

    private static int BisectRight<T>(T[] sorted, T value, int high) where T : IComparable<T>
    {
        int low = 0;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (value.CompareTo(sorted[middle]) < 0)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return low;
    }

    private static BigInteger CheckedWidth(BigInteger width, BigInteger low, BigInteger high)
    {
        if (width.Sign <= 0)
        {
            throw new ArgumentException($"a range that holds an integer was expected; found {low} to {high}",
                nameof(high));
        }

        return width;
    }

    private void Seed(BigInteger seed)
    {
        byte[] bytes = BigInteger.Abs(seed).ToByteArray(isUnsigned: true);
        uint[] key = new uint[Math.Max(1, (bytes.Length + 3) / 4)];
        for (int i = 0; i < bytes.Length; i++)
        {
            key[i / 4] |= (uint)bytes[i] << (8 * (i % 4));
        }

        SeedByWord(19650218u);
        SeedByKey(key);
        _position = Words;
    }

    private void SeedByWord(uint word)
    {
        _state[0] = word;
        for (int i = 1; i < Words; i++)
        {
            _state[i] = (1812433253u * (_state[i - 1] ^ (_state[i - 1] >> 30))) + (uint)i;
        }
    }

    private void SeedByKey(uint[] key)
    {
        int i = 1, j = 0;
        for (int k = Math.Max(Words, key.Length); k > 0; k--)
        {
            _state[i] = (_state[i] ^ ((_state[i - 1] ^ (_state[i - 1] >> 30)) * 1664525u)) + key[j] + (uint)j;
            i = Advance(i);
            j = j + 1 == key.Length ? 0 : j + 1;
        }

        for (int k = Words - 1; k > 0; k--)
        {
            _state[i] = (_state[i] ^ ((_state[i - 1] ^ (_state[i - 1] >> 30)) * 1566083941u)) - (uint)i;
            i = Advance(i);
        }

        _state[0] = 0x80000000u;
    }

    private int Advance(int i)
    {
        if (i + 1 < Words)
        {
            return i + 1;
        }

        _state[0] = _state[Words - 1];
        return 1;
    }

    private uint NextWord()
    {
        if (_position >= Words)
        {
            Twist();
        }

        uint y = _state[_position++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c5680u;
        y ^= (y << 15) & 0xefc60000u;
        return y ^ (y >> 18);
    }

    private void Twist()
    {
        uint[] state = _state;
        for (int i = 0; i < Words; i++)
        {
            uint next = state[i + 1 == Words ? 0 : i + 1];
            uint y = (state[i] & 0x80000000u) | (next & 0x7fffffffu);
            int other = i + Middle;
            state[i] = state[other < Words ? other : other - Words] ^ (y >> 1) ^ ((y & 1) * 0x9908b0dfu);
        }

        _position = 0;
    }
}

/// <summary>What <see cref="PythonRandom"/> needs to continue where it stood.</summary>
/// <param name="Words">The 624 state words.</param>
/// <param name="Position">The next word to use; 624 when all are used.</param>
public sealed record PythonRandomState(uint[] Words, int Position);
