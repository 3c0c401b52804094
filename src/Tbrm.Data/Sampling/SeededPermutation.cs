namespace Tbrm.Data.Sampling;

/// <summary>
/// The order of an epoch: Fisher-Yates over 0..n-1, swaps drawn from the Philox stream (seed, purpose, epoch). Every
/// order
/// is equally likely, it depends on nothing but these and n, and no generator state has to be kept for a resume.
/// </summary>
public static class SeededPermutation
{
    /// <summary>The order in which the mini-batches of an epoch take <paramref name="count"/> items.</summary>
    /// <param name="count">Items.</param>
    /// <param name="seed">Keys the order.</param>
    /// <param name="number">The epoch's, over the whole run.</param>
    public static int[] OfMiniBatches(int count, ulong seed, long number) =>
        Create(count, seed, RandomPurpose.MiniBatch, number);

    /// <summary>The permutation as a new array of length <paramref name="count"/>.</summary>
    internal static int[] Create(int count, ulong seed, RandomPurpose purpose, long number)
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
