namespace Tbrm.Data.Sampling;

/// <summary>
/// The order of an epoch: Fisher-Yates over 0..n-1, swaps drawn from the Philox stream (seed, purpose, epoch). Every
/// order
/// is equally likely, it depends on nothing but these and n, and no generator state has to be kept for a resume.
/// </summary>
internal static class SeededPermutation
{
    /// <summary>The permutation as a new array of length <paramref name="count"/>.</summary>
    public static int[] Create(int count, ulong seed, RandomPurpose purpose, long number)
    {
        int[] order = new int[count];
        for (int i = 0; i < count; i++)
        {
            order[i] = i;
        }

        PhiloxStream random = new(seed, purpose, number);
        for (int i = count - 1; i > 0; i--)
        {
            int j = (int)random.Below((ulong)i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }

        return order;
    }
}
