using System;
using System.Collections.Generic;
using System.Numerics;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Tasks;

/// <summary>The tasks by name, and what creates them.</summary>
public static class TaskRegistry
{
    private static readonly SortedDictionary<string, Definition> s_tasks = new(StringComparer.Ordinal)
    {
        [BaseConversionTask.TaskName] = Definition.Of<BaseConversionConfig>(c => new BaseConversionTask(c)),
        [BasicArithmeticTask.TaskName] = Definition.Of<BasicArithmeticConfig>(c => new BasicArithmeticTask(c)),
        [BitwiseArithmeticTask.TaskName] = Definition.Of<BitwiseArithmeticConfig>(c => new BitwiseArithmeticTask(c)),
        [ChainSumTask.TaskName] = Definition.Of<ChainSumConfig>(c => new ChainSumTask(c)),
        [CountBitsTask.TaskName] = Definition.Of<CountBitsConfig>(c => new CountBitsTask(c)),
        [CountPrimesTask.TaskName] = Definition.Of<CountPrimesConfig>(c => new CountPrimesTask(c)),
        [CountdownTask.TaskName] = Definition.Of<CountdownConfig>(c => new CountdownTask(c)),
        [CourseScheduleTask.TaskName] = Definition.Of<CourseScheduleConfig>(c => new CourseScheduleTask(c)),
        [DecimalArithmeticTask.TaskName] = Definition.Of<DecimalArithmeticConfig>(c => new DecimalArithmeticTask(c)),
        [DecimalChainSumTask.TaskName] = Definition.Of<DecimalChainSumConfig>(c => new DecimalChainSumTask(c)),
        [FamilyRelationshipsTask.TaskName] =
            Definition.Of<FamilyRelationshipsConfig>(c => new FamilyRelationshipsTask(c)),
        [FractionSimplificationTask.TaskName] =
            Definition.Of<FractionSimplificationConfig>(c => new FractionSimplificationTask(c)),
        [GcdTask.TaskName] = Definition.Of<GcdConfig>(c => new GcdTask(c)),
        [LargestIslandTask.TaskName] = Definition.Of<LargestIslandConfig>(c => new LargestIslandTask(c)),
        [LcmTask.TaskName] = Definition.Of<LcmConfig>(c => new LcmTask(c)),
        [LegCountingTask.TaskName] = Definition.Of<LegCountingConfig>(c => new LegCountingTask(c)),
        [PowerFunctionTask.TaskName] = Definition.Of<PowerFunctionConfig>(c => new PowerFunctionTask(c)),
        [PrimeFactorizationTask.TaskName] = Definition.Of<PrimeFactorizationConfig>(c => new PrimeFactorizationTask(c)),
        [ProductsTask.TaskName] = Definition.Of<ProductsConfig>(c => new ProductsTask(c)),
        [QuantumLockTask.TaskName] = Definition.Of<QuantumLockConfig>(c => new QuantumLockTask(c)),
        [ShortestPathTask.TaskName] = Definition.Of<ShortestPathConfig>(c => new ShortestPathTask(c)),
        [SimpleEquationsTask.TaskName] = Definition.Of<SimpleEquationsConfig>(c => new SimpleEquationsTask(c)),
        [SpellBackwardTask.TaskName] = Definition.Of<SpellBackwardConfig>(c => new SpellBackwardTask(c)),
        [TaskMixture.TaskName] = Definition.Of<TaskMixtureConfig>(c => new TaskMixture(c)),
    };

    /// <summary>Every task's name, sorted.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. s_tasks.Keys];

    /// <summary>Whether there is a task of that name.</summary>
    public static bool Contains(string name)
    {
        return s_tasks.ContainsKey(name);
    }

    /// <summary>A task's parameters with their defaults; <c>seed</c> and <c>size</c>, which all have, come
    /// last.</summary>
    /// <exception cref="ConfigException">There is no such task; the message names the nearest.</exception>
    public static IReadOnlyList<TaskParameter> Parameters(string name)
    {
        return TaskParameters.Of(Find(name).ConfigType);
    }

    /// <summary>A task's parameters and their defaults, as JSON.</summary>
    /// <exception cref="ConfigException">There is no such task; the message names the nearest.</exception>
    public static JsonObject Defaults(string name)
    {
        JsonObject defaults = [];
        foreach (TaskParameter parameter in Parameters(name))
        {
            defaults[parameter.Name] = TaskParameters.ToJson(parameter.Default);
        }

        return defaults;
    }

    /// <summary>Reads <c>name=value</c> arguments of a command line into what <see cref="Create(string, JsonObject)"/>
    /// takes.</summary>
    /// <exception cref="ConfigException">Unknown task or parameter, or a malformed argument.</exception>
    public static JsonObject ParseArguments(string name, IEnumerable<string> arguments)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        Type configType = Find(name).ConfigType;
        JsonObject values = [];
        foreach (string argument in arguments)
        {
            (string key, JsonNode? value) = TaskParameters.ParseArgument(name, configType, argument);
            values[key] = value;
        }

        return values;
    }

    /// <summary>Creates a task; parameters that are not given keep their defaults.</summary>
    /// <exception cref="ConfigException">Unknown task or parameter, or values that contradict each other.</exception>
    public static IReasoningTask Create(string name, JsonObject? parameters = null)
    {
        Definition definition = Find(name);
        TaskConfig config = TaskParameters.Bind(name, definition.ConfigType, parameters ?? []);
        try
        {
            return definition.Create(config);
        }
        catch (ConfigException e) when (!e.Message.StartsWith("task ", StringComparison.Ordinal))
        {
            throw new ConfigException($"task {name}: {e.Message}", e);
        }
    }

    /// <summary>Creates a task with a seed and a size, which override those among the parameters.</summary>
    /// <exception cref="ConfigException">Unknown task or parameter, or values that contradict each other.</exception>
    public static IReasoningTask Create(string name, BigInteger seed, long size, JsonObject? parameters = null)
    {
        JsonObject values = parameters is null ? [] : (JsonObject)parameters.DeepClone();
        values["seed"] = TaskJson.Integer(seed);
        values["size"] = size;
        return Create(name, values);
    }

    private static Definition Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return s_tasks.TryGetValue(name, out Definition? definition)
            ? definition
            : throw new ConfigException($"there is no task '{name}'{NearestName.Hint(name, s_tasks.Keys)}");
    }

    private sealed record Definition(Type ConfigType, Func<TaskConfig, IReasoningTask> Create)
    {
        public static Definition Of<TConfig>(Func<TConfig, IReasoningTask> create)
            where TConfig : TaskConfig
        {
            return new Definition(typeof(TConfig), c => create((TConfig)c));
        }
    }
}
