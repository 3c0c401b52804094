using System;
using System.Security.Cryptography;
using System.Text;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Tasks;

namespace Tbrm.Data.Sources;

/// <summary>
/// A task's items as prompts: all of them, or one side of a cut by a hash of the question's text. Evaluation draws from
/// one side and training
/// from the other, so no held-out problem is ever trained on, even where a task has few distinct problems.
/// </summary>
public sealed class TaskPromptSource : IPromptSource
{
    /// <summary>Items tried before a side of the cut is said to be empty.</summary>
    private const int MaxAttempts = 100_000;

    /// <summary>Distance of the item ranges of consecutive prompts: an attempt of one prompt is never an attempt of
    /// another.</summary>
    private const long Stride = MaxAttempts;

    private readonly IReasoningTask _task;
    private readonly string? _systemPrompt;
    private readonly Side? _side;

    /// <summary>All items, as the task numbers them.</summary>
    /// <param name="task">The generator, or a mixture of generators.</param>
    /// <param name="systemPrompt">A system turn before each question (<see cref="SystemPrompts"/> has reasoning-gym's);
    /// null for none.</param>
    /// <param name="endless">Whether indices go on beyond the task's size.</param>
    public TaskPromptSource(IReasoningTask task, string? systemPrompt = null, bool endless = false)
        : this(task, systemPrompt, endless ? null : task.Size, null)
    {
    }

    private TaskPromptSource(IReasoningTask task, string? systemPrompt, long? count, Side? side)
    {
        _task = task;
        _systemPrompt = systemPrompt;
        _side = side;
        Count = count;
    }

    /// <inheritdoc/>
    public long? Count { get; }

    /// <summary>The problems that training draws from.</summary>
    /// <param name="task">The generator, or a mixture of generators.</param>
    /// <param name="holdout">Share of the problems that evaluation draws from.</param>
    /// <param name="count">How many of them, the first; null: without end.</param>
    /// <param name="systemPrompt">A system turn, or null.</param>
    public static TaskPromptSource Training(IReasoningTask task, double holdout, long? count = null,
        string? systemPrompt = null) =>
        new(task, systemPrompt, count, new Side(holdout, HeldOut: false));

    /// <summary>The first <paramref name="count"/> problems of the side that evaluation draws from.</summary>
    public static TaskPromptSource HeldOut(IReasoningTask task, double holdout, long count,
        string? systemPrompt = null) =>
        new(task, systemPrompt, count, new Side(holdout, HeldOut: true));

    /// <inheritdoc/>
    public Prompt Get(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        if (Count is long count)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, count);
        }

        return _side is null ? TaskPrompts.At(_task, index, _systemPrompt) : FirstOnSide(index * Stride, _side);
    }

    /// <summary>Whether a question belongs to the evaluation side: the first 32 bits of its SHA-256 as a
    /// fraction.</summary>
    public static bool IsHeldOut(string question, double holdout)
    {
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(Encoding.UTF8.GetBytes(question), hash);
        return BitConverter.ToUInt32(hash) / 4294967296.0 < holdout;
    }

    private Prompt FirstOnSide(long first, Side side)
    {
        for (int attempt = 0; attempt < MaxAttempts; attempt++)
        {
            Prompt prompt = TaskPrompts.At(_task, first + attempt, _systemPrompt);
            if (IsHeldOut(prompt.Messages[^1].Content, side.Holdout) == side.HeldOut)
            {
                return prompt;
            }
        }

        throw new ConfigException(
            $"task {_task.Name}: none of {MaxAttempts} problems is "
                + $"{(side.HeldOut ? "held out" : "left for training")}; change data.task_holdout={side.Holdout} or "
                + $"the task's parameters");
    }

    private sealed record Side(double Holdout, bool HeldOut);
}
