using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Tbrm.Core.Errors;

namespace Tbrm.Training.Config;

/// <summary>A configuration file that comes with the program.</summary>
/// <param name="Name">What selects it.</param>
/// <param name="Text">YAML.</param>
public sealed record EmbeddedPreset(string Name, string Text)
{
    /// <summary>The first line of its comment.</summary>
    public string Summary => Text.Split('\n')[0].TrimStart('#').Trim();

    /// <summary>Its keys.</summary>
    public IReadOnlyList<ConfigEntry> Entries => ConfigEntry.FromYaml(Text, $"preset {Name}");
}

/// <summary>The configuration files that come with the program: for runs (<c>-c NAME</c>) and for benchmarks (<c>eval
/// --preset NAME</c>).</summary>
public static class EmbeddedPresets
{
    /// <summary>Configurations of runs, sorted by name.</summary>
    public static IReadOnlyList<EmbeddedPreset> Runs { get; } = Load("presets/");

    /// <summary>How the benchmarks are asked, sorted by name.</summary>
    public static IReadOnlyList<EmbeddedPreset> Benchmarks { get; } = Load("eval-presets/");

    /// <summary>What holds in the verb sft unless a file or the command line says otherwise: how often it tests and
    /// saves.</summary>
    public static EmbeddedPreset SftDefaults { get; } = Load("verb-presets/").Single();

    /// <summary>verl's defaults for keys that it and this program have: what a script of verl's leaves
    /// unsaid.</summary>
    public static EmbeddedPreset VerlDefaults { get; } = Load("verl/").Single(p => p.Name == "defaults");

    /// <summary>A benchmark's preset.</summary>
    /// <exception cref="ConfigException">There is none of that name.</exception>
    public static EmbeddedPreset Benchmark(string name) => Benchmarks.FirstOrDefault(p => p.Name == name)
        ?? throw new ConfigException(
            $"there is no benchmark preset '{name}'{NearestName.Hint(name, Benchmarks.Select(p => p.Name))} (all: "
                + $"{string.Join(", ", Benchmarks.Select(p => p.Name))})");

    private static EmbeddedPreset[] Load(string folder)
    {
        return [.. typeof(EmbeddedPresets).Assembly.GetManifestResourceNames()
            .Where(n => n.StartsWith(folder, StringComparison.Ordinal)).Order(StringComparer.Ordinal)
            .Select(n => new EmbeddedPreset(n[folder.Length..], Read(n)))];
    }

    private static string Read(string resource)
    {
        using Stream stream = typeof(EmbeddedPresets).Assembly.GetManifestResourceStream(resource)!;
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }
}
