using Tbrm.Core.Prompts;

namespace Tbrm.Data.Sources;

/// <summary>
/// Prompts by number: a data set that was read from files, or a task that generates its items. Implementations are
/// thread-safe and pure: the same index gives an equal prompt, in this process and in any later one.
/// </summary>
public interface IPromptSource
{
    /// <summary>How many prompts there are; null when the source never ends (a generator).</summary>
    long? Count { get; }

    /// <summary>The prompt at <paramref name="index"/>, 0 &lt;= index &lt; <see cref="Count"/>.</summary>
    /// <exception cref="System.ArgumentOutOfRangeException">No such prompt.</exception>
    Prompt Get(long index);
}
