using System;
using System.Numerics;
using Tbrm.Core.Errors;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>The common part of the tasks: one random stream per item, and the default scorer.</summary>
public abstract class ReasoningTask<TConfig> : IReasoningTask
    where TConfig : TaskConfig
{
    /// <summary>Checks the parameters.</summary>
    private protected ReasoningTask(string name, TConfig config)
    {
        config.Validate();
        if (config.Size < 0)
        {
            throw new ConfigException($"size: a number of items from 0 was expected, found {config.Size}");
        }

        Name = name;
        Config = config;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public long Size => Config.Size;

    /// <inheritdoc/>
    public BigInteger Seed => Config.Seed;

    /// <summary>The parameters.</summary>
    public TConfig Config { get; }

    /// <inheritdoc/>
    public TaskItem Generate(long index)
    {
        try
        {
            return Generate(index, new PythonRandom(Config.Seed + index));
        }
        catch (Exception e) when (e is DivideByZeroException or ArgumentException)
        {
            // The package raises ZeroDivisionError, ValueError or IndexError here.
            throw new TaskItemException(Name, index, e.Message);
        }
    }

    /// <inheritdoc/>
    public virtual double Score(string? answer, TaskItem entry)
    {
        return Scoring.ExactOrContained(answer, entry.Answer);
    }

    /// <summary>Makes the item at an index from that item's own random stream.</summary>
    private protected abstract TaskItem Generate(long index, PythonRandom random);
}
