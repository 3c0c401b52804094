using System.Collections.Generic;
using System.Linq;
using Tbrm.Objectives.PolicyGradient;
using YamlDotNet.RepresentationModel;

namespace Tbrm.Training.Config.Verl;

/// <summary>What verl's code makes of keys together, where their names alone would say something else.</summary>
internal static class VerlHabits
{
    private const string LossMode = "actor.policy_loss.loss_mode", Aggregation = "actor.loss_agg_mode",
        CriticAggregation = "critic.loss_agg_mode", Clip = "actor.clip_ratio";

    /// <summary>Applies them; what a reader would not expect is noted.</summary>
    public static VerlTranslation Apply(VerlTranslation translation, List<string> notes)
    {
        List<ConfigEntry> entries = [.. translation.Entries];
        List<VerlKey> keys = [.. translation.Keys];
        if (Last(entries, Aggregation) is { } aggregation)
        {
            if (Last(entries, CriticAggregation) is null)
            {
                entries.Add(aggregation with { Path = CriticAggregation });
            }

            string loss = Last(entries, LossMode) is { } mode ? VerlVocabulary.Text(mode.Value) : "";
            if (PolicyLosses.HasOwnAggregation(loss))
            {
                entries.RemoveAll(e => ConfigSchema.Canonical(e.Path) == Aggregation);
                Idle(keys, Aggregation,
                    $"verl's {loss} aggregates in its own way whatever is given, and so it is here without the key");
            }
        }

        if (Last(entries, Clip) is { } clip && Last(entries, Clip + "_low") is null
            && Last(entries, Clip + "_high") is null && VerlVocabulary.Text(clip.Value) != "0.2")
        {
            notes.Add(
                $"{Clip}={VerlVocabulary.Text(clip.Value)}: verl's configuration sets clip_ratio_low and "
                    + "clip_ratio_high to 0.2, which go before it; give these to change the clip");
        }

        return translation with { Entries = entries, Keys = keys };
    }

    private static ConfigEntry? Last(List<ConfigEntry> entries, string key) =>
        entries.LastOrDefault(e => ConfigSchema.Canonical(e.Path) == key
            && e.Value is not YamlScalarNode { Value: null or "null" or "None" or "" });

    private static void Idle(List<VerlKey> keys, string key, string reason)
    {
        for (int i = 0; i < keys.Count; i++)
        {
            keys[i] = keys[i].Key == key ? keys[i] with { Use = VerlUse.NoEffect, Text = reason } : keys[i];
        }
    }
}
