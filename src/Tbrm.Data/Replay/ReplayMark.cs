namespace Tbrm.Data.Replay;

/// <summary>A <see cref="ReplayBuffer{T}"/> as it was at some moment.</summary>
public sealed class ReplayMark<T>
{
    internal ReplayMark(ReplayEntry<T>?[] ring, long added, int count, long draws)
    {
        (Ring, Added, Count, Draws) = (ring, added, count, draws);
    }

    internal ReplayEntry<T>?[] Ring { get; }

    internal long Added { get; }

    internal int Count { get; }

    internal long Draws { get; }
}
