using System;

namespace Tbrm.Data.Sampling;

/// <summary>A part of some rows, chosen at random.</summary>
public static class RandomSubset
{
    /// <summary>Numbers of <paramref name="size"/> of <paramref name="count"/> rows, ascending: a function of count,
    /// size and seed.</summary>
    public static int[] Choose(int count, int size, ulong seed)
    {
        int[] chosen = SeededPermutation.Create(count, seed, RandomPurpose.Subset, 0)[..size];
        Array.Sort(chosen);
        return chosen;
    }
}
