using System;
using System.Security.Cryptography;
using System.Text;
using Tbrm.Core;
using Tbrm.Data;
using Tbrm.Data.Tasks;

namespace Tbrm.Training;

/// <summary>
/// Problems of a task, cut in two by a hash of the question's text: those that evaluation draws from, and all others, which training draws
/// from. So no held-out problem is ever trained on, even where a task has few distinct problems.
/// </summary>
public sealed class TaskPromptSource : IPromptSource
{
    /// <summary>Items tried before a side of the cut is said to be empty.</summary>
    private const int MaxAttempts = 100_000;

    /// <summary>Distance of the item ranges of consecutive prompts: an attempt of one prompt is never an attempt of another.</summary>
    private const long Stride = MaxAttempts;

    private readonly IReasoningTask _task;
    private readonly double _holdout;
    private readonly bool _heldOut;
    private readonly string? _systemPrompt;

    /// <summary>One side of the cut.</summary>
    /// <param name="task">The generator.</param>
    /// <param name="holdout">Share of the problems that evaluation draws from.</param>
    /// <param name="heldOut">The evaluation side.</param>
    /// <param name="count">Size of an evaluation set; null = without end.</param>
    /// <param name="systemPrompt">A system turn, or null.</param>
    public TaskPromptSource(IReasoningTask task, double holdout, bool heldOut, long? count, string? systemPrompt)
    {
        _task = task;
        _holdout = holdout;
        _heldOut = heldOut;
        _systemPrompt = systemPrompt;
        Count = count;
    }

    /// <inheritdoc/>
    public long? Count { get; }

    /// <inheritdoc/>
    public Prompt Get(long index)
    {
        for (int attempt = 0; attempt < MaxAttempts; attempt++)
        {
            Prompt prompt = TaskPrompts.At(_task, index * Stride + attempt, _systemPrompt);
            if (IsHeldOut(prompt.Messages[^1].Content, _holdout) == _heldOut)
            {
                return prompt;
            }
        }

        throw new ConfigException(
            $"task {_task.Name}: none of {MaxAttempts} problems is {(_heldOut ? "held out" : "left for training")}; change data.task_holdout={_holdout} or the task's parameters");
    }

    /// <summary>Whether a question belongs to the evaluation side: the first 32 bits of its SHA-256 as a fraction.</summary>
    public static bool IsHeldOut(string question, double holdout)
    {
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(Encoding.UTF8.GetBytes(question), hash);
        return BitConverter.ToUInt32(hash) / 4294967296.0 < holdout;
    }
}
