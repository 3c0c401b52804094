using System;
using Tbrm.Core;

namespace Tbrm.Data.Tasks;

/// <summary>A task's items as prompts.</summary>
/// <param name="task">The generator, or a mixture of generators.</param>
/// <param name="systemPrompt">A system turn before each question (<see cref="SystemPrompts"/> has reasoning-gym's); null for none.</param>
/// <param name="endless">Whether indices go on beyond the task's size.</param>
public sealed class TaskPromptSource(IReasoningTask task, string? systemPrompt = null, bool endless = false) : IPromptSource
{
    /// <inheritdoc/>
    public long? Count => endless ? null : task.Size;

    /// <inheritdoc/>
    public Prompt Get(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        if (!endless)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, task.Size);
        }

        return TaskPrompts.At(task, index, systemPrompt);
    }
}
