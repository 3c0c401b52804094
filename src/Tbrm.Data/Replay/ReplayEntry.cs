namespace Tbrm.Data.Replay;

/// <summary>One item of a <see cref="ReplayBuffer{T}"/>.</summary>
public sealed class ReplayEntry<T>
{
    internal ReplayEntry(long id, T item)
    {
        Id = id;
        Item = item;
    }

    /// <summary>How many items were added before this one, over the whole run.</summary>
    public long Id { get; }

    /// <summary>The trajectory, with the statistics of the reference policy that it carries.</summary>
    public T Item { get; internal set; }
}
