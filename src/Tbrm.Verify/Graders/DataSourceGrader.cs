using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using System.Threading;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Core.Rewards;

namespace Tbrm.Verify.Graders;

/// <summary>
/// Chooses the grader by the row's data source, as verl does. The option <c>map</c> adds or replaces entries: a data
/// source,
/// or a prefix of one followed by <c>*</c>, and the grader's name; the option <c>default</c> takes the place of verl's
/// choices. Other options go
/// to the chosen graders.
/// </summary>
public sealed class DataSourceGrader : IGrader
{
    private static readonly (string Source, string Grader)[] s_defaults =
    [
        ("openai/gsm8k", "gsm8k"),
        ("lighteval/MATH", "math_boxed"),
        ("DigitalLearningGmbH/MATH-lighteval", "math_boxed"),
        ("HuggingFaceH4/MATH-500", "math_boxed"),
        ("math_dapo", "math_dapo"),
        ("math", "math_dapo"),
        ("math_dapo_reasoning", "math_dapo"),
        ("aime*", "math_dapo"),
        ("numina_*", "math_verify"),
        // Names that files of benchmarks get here; verl has none for them.
        ("gsm8k", "gsm8k"),
        ("amc*", "math_verify"),
        ("math500", "math_verify"),
        ("minerva_math", "math_verify"),
        ("olympiadbench", "math_verify"),
    ];

    private readonly GraderRegistry _registry;
    private readonly JsonObject? _options;
    private readonly List<(string Source, string Grader)> _own;
    private readonly List<(string Source, string Grader)> _map;
    private readonly string? _default;
    private readonly ConcurrentDictionary<string, IGrader> _graders = new();

    /// <summary>Reads the map.</summary>
    /// <exception cref="ConfigException">The map names a grader that does not exist.</exception>
    public DataSourceGrader(GraderRegistry registry, JsonObject? options)
    {
        _registry = registry;
        _options = options is null ? null : (JsonObject)options.DeepClone();
        _options?.Remove("map");
        _options?.Remove("default");
        _default = options is null ? null : new GraderOptions(options).Text("default");
        _own = [.. ReadMap(options)];
        _map = [.. _own, .. _default is null ? s_defaults : []];
        foreach ((_, string grader) in _map)
        {
            _graders[grader] = registry.Create(grader, _options);
        }

        if (_default is not null)
        {
            _graders[_default] = registry.Create(_default, _options);
        }
    }

    /// <inheritdoc/>
    public string Name => "data_source";

    /// <inheritdoc/>
    public int Concurrency => _graders.Values.Select(g => g.Concurrency).Append(Environment.ProcessorCount).Max();

    /// <summary>The name of the grader for a data source.</summary>
    /// <exception cref="ConfigException">There is none.</exception>
    public string GraderFor(string dataSource)
    {
        return Find(_own, dataSource) ?? Find(_map, dataSource) ?? _default
            ?? (BenchmarkNames.Find(dataSource) is { } benchmark ? Find(_map, benchmark) : null)
                ?? throw new ConfigException(
            $"no grader is known for the data source '{dataSource}'; name one in the option \"map\" (known: "
                + $"{string.Join(", ", _map.Select(m => m.Source))})");
    }

    /// <inheritdoc/>
    public GradeResult Grade(GradeRequest request, CancellationToken stop)
    {
        try
        {
            return _graders.GetOrAdd(GraderFor(request.DataSource), name => _registry.Create(name, _options))
                .Grade(request, stop);
        }
        catch (ConfigException e)
        {
            return new GradeResult(0, GradeStatus.Error, null, e.Message);
        }
    }

    /// <summary>Whether an entry for <paramref name="source"/>, which may end in <c>*</c>, is one for
    /// <paramref name="dataSource"/>.</summary>
    public static bool Covers(string source, string dataSource)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(dataSource);
        return source == dataSource
            || (source.EndsWith('*') && dataSource.StartsWith(source[..^1], StringComparison.Ordinal));
    }

    /// <summary>An exact entry wins over a prefix.</summary>
    private static string? Find(List<(string Source, string Grader)> entries, string dataSource) =>
        entries.Where(entry => Covers(entry.Source, dataSource)).OrderBy(entry => entry.Source == dataSource ? 0 : 1)
            .Select(entry => entry.Grader).FirstOrDefault();

    private static IEnumerable<(string Source, string Grader)> ReadMap(JsonObject? options)
    {
        if (options?["map"] is not { } map)
        {
            return [];
        }

        return map is JsonObject entries
            ? entries.Select(e =>
                (e.Key, new GraderOptions(entries).Text(e.Key)
                ?? throw new ConfigException($"grader option 'map': '{e.Key}' needs a grader's name")))
            : throw new ConfigException("grader option 'map': an object from data sources to graders was expected");
    }
}
