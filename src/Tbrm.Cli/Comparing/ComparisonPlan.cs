using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Training.Config;
using Tbrm.Training.Runs;

namespace Tbrm.Cli.Comparing;

/// <summary>Everything that a comparison will run, decided before the first run, and kept in its folder.</summary>
internal sealed class ComparisonPlan
{
    private const string PlanFile = "plan.json";

    /// <param name="folder">Where everything goes.</param>
    /// <param name="arms">What is compared.</param>
    /// <param name="seeds">Reported seeds.</param>
    /// <param name="tuningSeeds">Seeds of the trials; none of the reported ones.</param>
    /// <param name="grid">What is tried.</param>
    /// <param name="trials">Trials of each arm; null: the whole grid.</param>
    /// <exception cref="ConfigException">A configuration or the grid does not fit.</exception>
    public ComparisonPlan(string folder, IReadOnlyList<PlannedArm> arms, IReadOnlyList<long> seeds,
        IReadOnlyList<long> tuningSeeds, TuningGrid grid, int? trials)
    {
        (Folder, Arms, Seeds, TuningSeeds) = (folder, arms, seeds, tuningSeeds);
        if (tuningSeeds.Intersect(seeds).Any())
        {
            throw new ConfigException(
                $"--tuning-seeds {string.Join(",", tuningSeeds)}: trials must not use a seed that results are "
                    + $"reported of ({string.Join(",", seeds)})");
        }

        Trials = grid.IsEmpty ? new Dictionary<string, IReadOnlyList<IReadOnlyList<string>>>()
            : arms.Select(a => a.TunedAs).Distinct().ToDictionary(a => a, a => grid.Trials(a, trials));
        int[] counts = [.. Trials.Values.Select(t => t.Count).Distinct()];
        if (counts.Length > 1)
        {
            throw new ConfigException(
                $"the grids have {string.Join(" and ", Trials.Select(t => $"{t.Value.Count} points for {t.Key}"))}; "
                    + $"every arm gets the same number: say which with --trials {counts.Min()}");
        }

        // What does not fit is found before the first run.
        foreach (PlannedArm arm in arms)
        {
            foreach (IReadOnlyList<string> trial in Trials.GetValueOrDefault(arm.TunedAs, [[]]))
            {
                _ = arm.Config(trial);
            }
        }
    }

    /// <summary>Where everything goes.</summary>
    public string Folder { get; }

    /// <summary>What is compared.</summary>
    public IReadOnlyList<PlannedArm> Arms { get; }

    /// <summary>Reported seeds.</summary>
    public IReadOnlyList<long> Seeds { get; }

    /// <summary>Seeds of trials.</summary>
    public IReadOnlyList<long> TuningSeeds { get; }

    /// <summary>By the arm that is tuned; empty without tuning.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<IReadOnlyList<string>>> Trials { get; }

    /// <summary>Keeps the plan in the folder, or holds it to the one that is there: the same command goes on.</summary>
    /// <exception cref="ConfigException">Another comparison is in the folder.</exception>
    public void Settle()
    {
        JsonObject own = ToJson();
        string path = Path.Combine(Folder, PlanFile);
        if (!File.Exists(path))
        {
            RunFolder.WriteJson(path, own);
            return;
        }

        JsonObject? there = JsonNode.Parse(File.ReadAllText(path)) as JsonObject;
        string[] differ = [.. own.Select(p => p.Key).Where(k => !JsonNode.DeepEquals(own[k], there?[k]))];
        if (differ.Length > 0)
        {
            IEnumerable<string> values = differ.Select(k => $"{k} {Text(there?[k])} there, {Text(own[k])} here");
            throw new ConfigException(
                $"{Folder} holds another comparison ({string.Join(", ", values)}); "
                + "the same command goes on with it, another one needs another --run-dir");
        }
    }

    /// <summary>The run that only makes the model that a seed's runs begin with; null where they are given
    /// one.</summary>
    /// <param name="arm">One of the arms that begin with it.</param>
    /// <param name="seed">The seed.</param>
    public QueuedRun? Start(PlannedArm arm, long seed)
    {
        RunConfig config = arm.Config();
        if (config.Model.Path.Length > 0)
        {
            return null;
        }

        string key = PlannedArm.StartKey(config);
        int group = Arms.Select(a => PlannedArm.StartKey(a.Config())).Distinct().ToList().IndexOf(key);
        string name = string.Create(
            CultureInfo.InvariantCulture, $"start{(group == 0 ? "" : $"-{group + 1}")}/seed-{seed}");
        return new(name, Path.Combine(Folder, name), Written(arm, []),
            [.. OfSeed(seed), "trainer.total_training_steps=0", "trainer.val_before_train=false"]);
    }

    /// <summary>A reported run.</summary>
    /// <param name="arm">The arm.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="settings">What tuning chose.</param>
    public QueuedRun Run(PlannedArm arm, long seed, IReadOnlyList<string> settings) =>
        Of(arm, seed, settings, string.Create(CultureInfo.InvariantCulture, $"runs/{arm.Name}/seed-{seed}"));

    /// <summary>A trial of tuning.</summary>
    /// <param name="arm">The arm.</param>
    /// <param name="number">Which trial.</param>
    /// <param name="seed">A tuning seed.</param>
    public QueuedRun Trial(PlannedArm arm, int number, long seed) => Of(arm, seed, Trials[arm.TunedAs][number],
        string.Create(CultureInfo.InvariantCulture, $"tuning/{arm.TunedAs}/trial-{number + 1}/seed-{seed}"));

    /// <summary>The folder of the model that a seed's runs of an arm begin with.</summary>
    public string FirstModel(PlannedArm arm, long seed) => Start(arm, seed) is { } start
        ? RunState.ModelFolderOf(Path.Combine(start.Folder, "checkpoints", "global_step_0")) : arm.Config().Model.Path;

    private QueuedRun Of(PlannedArm arm, long seed, IReadOnlyList<string> settings, string name) => new(
        name, Path.Combine(Folder, name), Written(arm, settings),
        [.. OfSeed(seed), .. Start(arm, seed) is null ? (string[])[] : ["model.path=" + FirstModel(arm, seed)]]);

    /// <summary>Prompts and held-out problems are those of data.seed for every reported seed; trials have
    /// others.</summary>
    private string[] OfSeed(long seed) => TuningSeeds.Contains(seed)
        ? [Key("trainer.seed", seed), Key("data.seed", seed)] : [Key("trainer.seed", seed)];

    private static string Key(string key, long value) => string.Create(CultureInfo.InvariantCulture, $"{key}={value}");

    /// <summary>The arm's configuration as a file, which says by itself what ran.</summary>
    private string Written(PlannedArm arm, IReadOnlyList<string> settings)
    {
        string name = settings.Count == 0 ? arm.Name
            : $"{arm.Name}-{string.Join('-', settings.Select(s => s.Replace('=', '-')))}";
        string path = Path.Combine(
            Folder, "arms", string.Concat(
            name.Select(c => char.IsLetterOrDigit(c) || c is '-' or '_' or '.' or '+' ? c : '_')) + ".yaml");
        string text = ConfigWriter.ToYaml(arm.Config(settings));
        if (!File.Exists(path) || File.ReadAllText(path) != text)
        {
            RunFolder.WriteText(path, text);
        }

        return path;
    }

    private JsonObject ToJson() => new()
    {
        ["arms"] = new JsonArray([.. Arms.Select(a => (JsonNode)a.Name)]),
        ["seeds"] = new JsonArray([.. Seeds.Select(s => (JsonNode)s)]),
        ["tuning_seeds"] = Trials.Count == 0 ? [] : new JsonArray([.. TuningSeeds.Select(s => (JsonNode)s)]),
        ["trials"] = new JsonObject(Trials.Select(t => KeyValuePair.Create(t.Key, (JsonNode?)new JsonArray(
            [.. t.Value.Select(p => (JsonNode)string.Join(' ', p))])))),
        ["configurations"] = new JsonObject(Arms.Select(a =>
            KeyValuePair.Create(a.Name, (JsonNode?)ConfigWriter.ToYaml(a.Config())))),
    };

    private static string Text(JsonNode? node)
    {
        const int shown = 80;
        string text = node?.ToJsonString(s_plain) ?? "nothing";
        return text.Length <= shown ? text : text[..shown] + "...";
    }

    private static readonly JsonSerializerOptions s_plain =
        new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
