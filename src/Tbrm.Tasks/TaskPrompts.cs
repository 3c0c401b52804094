using System;
using System.Collections.Generic;
using Tbrm.Core.Prompts;

namespace Tbrm.Tasks;

/// <summary>Turns items into prompts for training and evaluation.</summary>
public static class TaskPrompts
{
    /// <summary>The item at an index: the question as user's turn, its task as data source, its metadata as extra
    /// info.</summary>
    /// <param name="task">The generator; of a mixture, the data source is the item's own task.</param>
    /// <param name="index">Which item.</param>
    /// <param name="systemPrompt">A system turn to put first (<see cref="SystemPrompts"/> has reasoning-gym's); null
    /// for none.</param>
    public static Prompt At(IReasoningTask task, long index, string? systemPrompt = null)
    {
        ArgumentNullException.ThrowIfNull(task);
        TaskItem item = task.Generate(index);
        ChatMessage question = new("user", item.Question);
        return new Prompt
        {
            DataSource = item.Metadata["source_dataset"]?.GetValue<string>() ?? task.Name,
            Messages = systemPrompt is null ? [question] : [new ChatMessage("system", systemPrompt), question],
            GroundTruth = item.Answer,
            Ability = "reasoning",
            Index = index,
            ExtraInfo = item.Metadata,
        };
    }

    /// <summary>The items from <paramref name="first"/> on, <paramref name="count"/> of them, made as they are asked
    /// for.</summary>
    public static IEnumerable<Prompt> Range(IReasoningTask task, long first, long count, string? systemPrompt = null)
    {
        for (long i = 0; i < count; i++)
        {
            yield return At(task, first + i, systemPrompt);
        }
    }
}
