using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Objectives;
using YamlDotNet.RepresentationModel;

namespace Tbrm.Training.Config;

/// <summary>
/// verl names an algorithm by two words, algorithm.adv_estimator and actor.policy_loss.loss_mode. Given later than a
/// name that has neither (a
/// preset's, the default), they decide, and the resolved configuration holds the name. A name given later than they, in
/// another place, decides.
/// </summary>
internal static class AlgorithmWords
{
    private static readonly string[] s_words = ["algorithm.adv_estimator", "actor.policy_loss.loss_mode"];

    public static RunConfig Resolve(RunConfig config, IReadOnlyList<ConfigEntry> entries)
    {
        if (AlgorithmTable.Absolute(config.Algorithm.Name) is var absolute && absolute != config.Algorithm.Name)
        {
            config = config with { Algorithm = config.Algorithm with { Name = absolute } };
        }

        (string estimator, string loss) = (config.Algorithm.AdvEstimator, config.Actor.PolicyLoss.LossMode);
        if (config.Algorithm.Name.Length == 0)
        {
            string selected = estimator.Length + loss.Length == 0 ? AlgorithmTable.DefaultName
                : AlgorithmTable.FindByWords(estimator, loss).Name;
            return config with { Algorithm = config.Algorithm with { Name = selected } };
        }

        List<ConfigEntry> all = [.. entries];
        int word = all.FindLastIndex(
            e => s_words.Contains(ConfigSchema.Canonical(e.Path)) && e.Value is not YamlScalarNode { Value: "" });
        int name = all.FindLastIndex(e => ConfigSchema.Canonical(e.Path) == "algorithm.name");
        if (estimator.Length + loss.Length == 0 || AlgorithmTable.Find(config.Algorithm.Name).IsPolicyGradient
            || (name >= 0 && word >= 0 && Source(all[name]) == Source(all[word])))
        {
            return config;
        }

        if (name > word)
        {
            return config with
            {
                Algorithm = config.Algorithm with { AdvEstimator = "" },
                Actor = config.Actor with { PolicyLoss = config.Actor.PolicyLoss with { LossMode = "" } },
            };
        }

        return config with
        {
            Algorithm = config.Algorithm with
            {
                Name = AlgorithmTable.FindByWords(estimator,
            loss).Name
            }
        };
    }

    /// <summary>
    /// What a user gives on the command line must have a use; a preset's keys may wait for the algorithm that they
    /// belong to.
    /// </summary>
    public static void Check(RunConfig config, IReadOnlyList<ConfigEntry> entries) => AlgorithmKeys.Check(config,
        entries.Where(e => e.Where == "command line").Select(e => ConfigSchema.Canonical(e.Path)));

    /// <summary>The file, or the command line, without the line.</summary>
    private static string Source(ConfigEntry entry)
    {
        int colon = entry.Where.LastIndexOf(':');
        return colon < 0 ? entry.Where : entry.Where[..colon];
    }
}
