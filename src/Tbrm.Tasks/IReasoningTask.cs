using System.Numerics;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Tasks;

/// <summary>One problem of a task, as reasoning-gym's <c>dataset[idx]</c> gives it; also what a scorer grades an answer
/// against.</summary>
public sealed record TaskItem
{
    private readonly string? _answer;

    /// <summary>An item, or an entry that comes without an answer of its own, which some scorers do without.</summary>
    public TaskItem(string question, string? answer, JsonObject metadata)
    {
        (Question, _answer, Metadata) = (question, answer, metadata);
    }

    /// <summary>The text that the model sees.</summary>
    public string Question { get; }

    /// <summary>The task's own correct answer.</summary>
    /// <exception cref="DataException">The entry came without one, and the scorer needs it.</exception>
    public string Answer => _answer ?? throw new DataException("'entry.answer': a text was expected, found none");

    /// <summary>What the item was made from, keys in the Python package's order.</summary>
    public JsonObject Metadata { get; }
}

/// <summary>
/// A generator of problems with verifiable answers, equal item for item to the reasoning-gym data set of the same name,
/// seed and parameters. Implementations are thread-safe: an item depends on nothing but seed, parameters and index.
/// </summary>
public interface IReasoningTask
{
    /// <summary>The name in the registry, which is reasoning-gym's.</summary>
    string Name { get; }

    /// <summary>How many items the set is said to have. Indices beyond it give further items.</summary>
    long Size { get; }

    /// <summary>What item 0 is drawn from; item i is drawn from seed + i.</summary>
    BigInteger Seed { get; }

    /// <summary>Makes one item.</summary>
    /// <exception cref="TaskItemException">The parameters allow no item at this index (the Python package raises there
    /// too).</exception>
    TaskItem Generate(long index);

    /// <summary>The package's score of an answer; null stands for no answer.</summary>
    /// <exception cref="TaskScoreException">The package's scorer raises for this answer.</exception>
    /// <exception cref="DataException">The entry lacks what the scorer needs, which no item of this task
    /// does.</exception>
    double Score(string? answer, TaskItem entry);
}
