using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Objectives.Estimators;
using Tbrm.Objectives.Options;
using Tbrm.Objectives.PolicyGradient;

namespace Tbrm.Objectives;

/// <summary>
/// From a configuration to the options of an algorithm's parts. A key of a section below is an option when the part's
/// record has one of the
/// same name; <c>algorithm.options</c> holds options by their own names and goes before all.
/// </summary>
internal static class AlgorithmOptions
{
    /// <summary>The entry of <c>algorithm.name</c>, or of verl's <c>adv_estimator</c> and <c>loss_mode</c> when no name
    /// is given, or TBRM.</summary>
    public static Algorithm EntryOf(RunConfig config)
    {
        (string name, string estimator, string loss) =
            (config.Algorithm.Name, config.Algorithm.AdvEstimator, config.Actor.PolicyLoss.LossMode);
        if (name.Length == 0)
        {
            return estimator.Length + loss.Length == 0 ? AlgorithmTable.Find(AlgorithmTable.DefaultName)
                : AlgorithmTable.FindByWords(estimator, loss);
        }

        Algorithm entry = AlgorithmTable.Find(name);
        return entry.IsPolicyGradient || estimator.Length + loss.Length == 0 ? entry
            : throw new ConfigException($"algorithm.name={name} has no advantages and no policy loss: leave out "
                + string.Join(" and ",
                    new[] { estimator.Length > 0 ? "algorithm.adv_estimator=" + estimator : "",
                    loss.Length > 0 ? "actor.policy_loss.loss_mode=" + loss : "" }.Where(w => w.Length > 0))
                + ", or the name");
    }

    public static JsonObject OfObjective(RunConfig config, Algorithm entry)
    {
        if (entry.Options == typeof(JsonObject))
        {
            return Own(config);
        }

        JsonObject options = IsBypass(config, entry)
            ? Collect(entry.Options, entry, config.Algorithm, config.Actor, config.Actor.PolicyLoss,
                config.Algorithm.RolloutCorrection)
            : Collect(entry.Options, entry, config.Algorithm, config.Algorithm.Tbrm, config.Algorithm.AStarPo,
                config.Actor, config.Actor.PolicyLoss);
        if (entry.IsPolicyGradient)
        {
            options["loss_mode"] = IsBypass(config, entry) ? BypassModeLoss.LossMode : LossOf(config, entry);
        }

        // What an estimator has is the estimator's.
        foreach ((string name, JsonNode? value) in Own(config))
        {
            if (!IsEstimatorOption(entry, config, name))
            {
                options[name] = value?.DeepClone();
            }
        }

        return options;
    }

    /// <summary>Whether the loss itself corrects the rollout's mismatch: bypass mode with the plain loss, as verl's
    /// trainer selects it.</summary>
    public static bool IsBypass(RunConfig config, Algorithm entry)
    {
        RolloutCorrectionConfig correction = config.Algorithm.RolloutCorrection;
        string loss = LossOf(config, entry);
        bool isPlain = loss == PolicyLosses.Default || loss == BypassModeLoss.LossMode;
        return correction.LossType == "reinforce" && !(correction.BypassMode && isPlain)
            ? throw new ConfigException(
                "algorithm.rollout_correction.loss_type=reinforce is a loss of bypass_mode=true with the plain "
                    + $"policy loss; found bypass_mode={(correction.BypassMode ? "true" : "false")}, loss_mode={loss}")
            : isPlain && (correction.BypassMode || loss == BypassModeLoss.LossMode);
    }

    private static string LossOf(RunConfig config, Algorithm entry) => config.Actor.PolicyLoss.LossMode.Length > 0
        ? config.Actor.PolicyLoss.LossMode : entry.LossMode ?? "";

    public static JsonObject OfEstimator(RunConfig config, Algorithm entry, Estimator estimator)
    {
        JsonObject options = Collect(estimator.Options, entry, config.Algorithm);
        foreach ((string name, JsonNode? value) in Own(config)
            .Where(o => OptionReader.NamesOf(estimator.Options).Contains(o.Key)))
        {
            options[name] = value?.DeepClone();
        }

        return options;
    }

    public static JsonObject OfCritic(RunConfig config) => Collect(typeof(ValueLossOptions), null, config.Critic);

    private static bool IsEstimatorOption(Algorithm entry, RunConfig config, string name) =>
        entry.AdvEstimator is not null && !OptionReader.NamesOf(entry.Options).Contains(name)
        && OptionReader.NamesOf(EstimatorTable.Find(
            config.Algorithm.AdvEstimator.Length > 0 ? config.Algorithm.AdvEstimator : entry.AdvEstimator).Options)
            .Contains(name);

    /// <summary>The options record's names, looked up in the sections; what stands at its default leaves the entry's
    /// own default in force.</summary>
    private static JsonObject Collect(Type record, Algorithm? entry, params object[] sections)
    {
        JsonObject options = [];
        IReadOnlyList<string> names = OptionReader.NamesOf(record);
        foreach ((string name, JsonNode value) in entry?.Defaults ?? new Dictionary<string, JsonNode>())
        {
            if (names.Contains(name))
            {
                options[name] = value.DeepClone();
            }
        }

        foreach (object section in sections)
        {
            object untouched = Activator.CreateInstance(section.GetType())!;
            foreach (PropertyInfo property in section.GetType().GetProperties()
                .Where(p => p.CanWrite && names.Contains(OptionReader.Snake(p.Name))))
            {
                object? value = property.GetValue(section);
                bool given = !Equals(value, property.GetValue(untouched));
                if (value is not null and not "" && (given || !options.ContainsKey(OptionReader.Snake(property.Name))))
                {
                    options[OptionReader.Snake(property.Name)] = JsonSerializer.SerializeToNode(value);
                }
            }
        }

        return options;
    }

    private static JsonObject Own(RunConfig config)
    {
        JsonObject own = [];
        foreach ((string name, string text) in config.Algorithm.Options)
        {
            own[name] = Parse(text);
        }

        return own;
    }

    /// <summary>A number, true, false or a JSON list is that; everything else is text.</summary>
    private static JsonNode? Parse(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return JsonValue.Create(text);
        }
    }
}
