using System;

namespace Tbrm.Tasks.Python;

/// <summary>
/// numpy's legacy <c>RandomState</c> bit for bit: MT19937 seeded by one word (Knuth's recurrence, <c>init_genrand</c>),
/// bounded integers by mask
/// and rejection on 32-bit words. Its stream is frozen by numpy's compatibility policy (NEP 19). Not thread-safe.
/// </summary>
public sealed class NumpyRandom
{
    private const int Words = 624;

    private readonly PythonRandom _twister;

    /// <summary>As <c>numpy.random.seed(seed)</c>.</summary>
    public NumpyRandom(uint seed)
    {
        uint[] words = new uint[Words];
        uint word = seed;
        for (int i = 0; i < Words; i++)
        {
            words[i] = word;
            word = (1812433253u * (word ^ (word >> 30))) + (uint)i + 1;
        }

        _twister = PythonRandom.FromState(new PythonRandomState(words, Words));
    }

    /// <summary>As <c>randint(0, bound)</c>. A bound of 1 draws nothing from the stream.</summary>
    public int Below(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        uint largest = (uint)bound - 1;
        if (largest == 0)
        {
            return 0;
        }

        uint mask = uint.MaxValue >> System.Numerics.BitOperations.LeadingZeroCount(largest);
        uint word;
        do
        {
            word = (uint)_twister.GetRandBits64(32) & mask;
        }
        while (word > largest);
        return (int)word;
    }

    /// <summary>As <c>choice(population, size=size, replace=True)</c> of a number: indices, drawn one after the
    /// other.</summary>
    public int[] Choice(int population, int size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        int[] drawn = new int[size];
        for (int i = 0; i < drawn.Length; i++)
        {
            drawn[i] = Below(population);
        }

        return drawn;
    }
}
