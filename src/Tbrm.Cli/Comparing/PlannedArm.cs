using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Training.Config;
using Tbrm.Training.Sessions;

namespace Tbrm.Cli.Comparing;

/// <summary>An arm whose runs are to be made.</summary>
/// <param name="Name">In legends, tables and folders.</param>
/// <param name="Files">Configurations and presets, later over earlier.</param>
/// <param name="Overrides">key=value over them.</param>
internal sealed record PlannedArm(string Name, IReadOnlyList<string> Files, IReadOnlyList<string> Overrides)
{
    private static readonly string[] s_controls = ["zero", "random"];

    /// <summary>An arm is asked for its configuration again and again, and a run that it names verifies a
    /// checkpoint.</summary>
    private static readonly ConcurrentDictionary<string, RunConfig> s_loaded = new(StringComparer.Ordinal);

    /// <summary>Keys that decide the model that a run begins with: arms that agree in them share a warm
    /// start.</summary>
    private static readonly string[] s_ofTheStart = ["model.", "sft.", "data."];

    private static readonly string[] s_notOfTheStart =
        ["data.train_batch_size", "data.gen_batch_size", "data.trajectories"];

    /// <summary>A value that a sweep gives it; null outside of one.</summary>
    public string? Swept { get; init; }

    /// <summary>The arm without the swept value.</summary>
    public string Base { get; init; } = Name;

    /// <summary>The arm whose tuning it takes over: a control that of what it controls.</summary>
    public string TunedAs { get; init; } = Name;

    /// <summary>The resolved configuration, with further overrides.</summary>
    public RunConfig Config(params IReadOnlyList<string> more) => s_loaded.GetOrAdd(
        string.Join('\n', [.. Files, "", .. Overrides, .. more]),
        _ => RunModels.Load(Files, [.. Overrides, .. more], text => Console.Error.WriteLine($"tbrm-native: {text}")));

    /// <summary>Arms that have the same key begin with the same model.</summary>
    public static string StartKey(RunConfig config) => string.Join('\n',
        ConfigEntry.FromYaml(ConfigWriter.ToYaml(config), "the configuration")
            .Where(e => s_ofTheStart.Any(p => e.Path.StartsWith(p, StringComparison.Ordinal))
                && !s_notOfTheStart.Contains(e.Path))
            .Select(e => $"{e.Path}={e.Value}"));

    /// <summary>The arms of a command line: each with every value of the sweep, and with its controls.</summary>
    /// <param name="specs">What it names.</param>
    /// <param name="files">Files for all of them.</param>
    /// <param name="overrides">key=value for all of them.</param>
    /// <param name="sweep">A key and its values; null for none.</param>
    /// <param name="hasControls">Whether each arm also runs with rewards of 0 and random ones.</param>
    /// <exception cref="ConfigException">Two arms have one name.</exception>
    public static IReadOnlyList<PlannedArm> Of(IReadOnlyList<ArmSpec> specs, IReadOnlyList<string> files,
        IReadOnlyList<string> overrides, (string Key, string[] Values)? sweep, bool hasControls)
    {
        IEnumerable<PlannedArm> arms = specs.Where(s => s.Folder is null)
            .Select(s => new PlannedArm(s.Name, [.. files, .. s.Files], [.. overrides, .. s.Overrides]));
        if (sweep is var (key, values))
        {
            string last = key[(key.LastIndexOf('.') + 1)..];
            arms = arms.SelectMany(a => values.Select(v => a with
            {
                Name = $"{a.Name}-{last}-{v}",
                Overrides = [.. a.Overrides, $"{key}={v}"],
                Swept = v,
                Base = a.Name,
                TunedAs = a.Name,
            }));
        }

        PlannedArm[] all = [.. arms];
        if (hasControls)
        {
            all = [.. all, .. from a in all from kind in s_controls
                select a with { Name = $"{a.Name}-{kind}-reward",
                    Overrides = [.. a.Overrides, "reward.control=" + kind] }];
        }

        string[] twice = [.. specs.Where(s => s.Folder is null).GroupBy(s => s.Name).Where(g => g.Count() > 1)
            .Select(g => g.Key)];
        return twice.Length == 0 ? all
            : throw new ConfigException(
                $"two arms are called {twice[0]}; give one another name: 'NAME: {twice[0]} key=value'");
    }
}
