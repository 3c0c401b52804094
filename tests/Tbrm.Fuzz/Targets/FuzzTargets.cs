using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Errors;

namespace Tbrm.Fuzz.Targets;

/// <summary>The targets by name.</summary>
internal static class FuzzTargets
{
    private static readonly Dictionary<string, Func<IFuzzTarget>> s_targets = new()
    {
        ["tokenizer"] = () => new TokenizerTarget(),
        ["parquet"] = () => new ParquetTarget(),
        ["jsonl"] = () => new JsonLinesTarget(),
        ["template"] = () => new TemplateTarget(),
        [FaultyTarget.TargetName] = () => new FaultyTarget(),
    };

    /// <summary>Those that read something of the product's.</summary>
    public static IEnumerable<string> Names => s_targets.Keys.Where(name => name != FaultyTarget.TargetName);

    /// <summary>The target of a name.</summary>
    /// <exception cref="ConfigException">There is none.</exception>
    public static IFuzzTarget Create(string name) => s_targets.TryGetValue(name, out Func<IFuzzTarget>? create)
        ? create()
        : throw new ConfigException($"there is no fuzz target '{name}'; there are {string.Join(", ", Names)}");
}
