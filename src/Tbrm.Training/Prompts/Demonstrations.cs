using System;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Tasks;

namespace Tbrm.Training.Prompts;

/// <summary>
/// What a supervised step on a task shows as the response: the answer in the form that the reward expects, with or
/// without the working
/// that leads to it.
/// </summary>
public sealed class Demonstrations
{
    private readonly IWorkedTask? _task;
    private readonly double _workedShare;
    private readonly bool _tags, _isOfTask;

    /// <summary>Demonstrations for a configuration whose problems come from <paramref name="task"/>; null when they
    /// come from files.</summary>
    /// <exception cref="ConfigException">Working is asked for where there is none, or where the answer could not be
    /// told from it.</exception>
    public Demonstrations(RunConfig config, IReasoningTask? task)
    {
        ArgumentNullException.ThrowIfNull(config);
        _workedShare = config.Sft.WorkedShare;
        _tags = task is not null && config.Reward.AnswerForm == "tags";
        _isOfTask = task is not null;
        _task = task as IWorkedTask;
        if (_workedShare > 0 && !_tags)
        {
            throw new ConfigException(
                "sft.worked_share > 0 shows working before the answer, which only reward.answer_form=tags can tell "
                    + "apart; set both, or sft.worked_share=0");
        }

        if (_workedShare > 0 && _task is null)
        {
            throw new ConfigException(
                $"task {task!.Name} has no worked solutions (chain_sum has); set sft.worked_share=0");
        }
    }

    /// <summary>The response shown for a prompt. Which prompts are worked is a function of their index.</summary>
    public string Of(Prompt prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        // Of several right answers the first is shown; a task has but one, which may look like a list.
        string truth = _isOfTask || prompt.GroundTruth.Alternatives is not [{ } first, ..] ? prompt.GroundTruth.Text
            : first;
        if (!_tags)
        {
            return truth;
        }

        string answer = $"<answer>{truth}</answer>";
        return Fraction(prompt.Index) < _workedShare
            ? $"<think>{_task!.Work(new("", truth, prompt.ExtraInfo ?? []))}</think>{answer}"
            : answer;
    }

    /// <summary>SplitMix64 of the index as a number in [0, 1).</summary>
    private static double Fraction(long index)
    {
        ulong z = (ulong)index + 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return (z ^ (z >> 31)) / 18446744073709551616.0;
    }
}
