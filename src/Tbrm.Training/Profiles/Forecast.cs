using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Engine;
using Tbrm.Engine.Models;
using Tbrm.Training.Plans;

namespace Tbrm.Training.Profiles;

/// <summary>What <c>plan</c> says of a setting, by phase and component.</summary>
/// <param name="Phases">Bytes by verl's timer name and component.</param>
public sealed record Forecast(IReadOnlyDictionary<string, IReadOnlyDictionary<string, long>> Phases)
{
    private const string Gen = "gen", Ref = "ref", Critic = "update_critic", Update = "update_actor";

    private static readonly Dictionary<string, string> s_components = new(StringComparer.Ordinal)
    {
        ["weights"] = MemoryComponent.Weights,
        ["adapter"] = MemoryComponent.Adapter,
        ["master"] = MemoryComponent.Masters,
        ["gradients"] = MemoryComponent.Gradients,
        ["moments"] = MemoryComponent.Moments,
        ["reference"] = MemoryComponent.Reference,
        ["behaviour"] = MemoryComponent.Reference,
        ["critic"] = MemoryComponent.Critic,
        ["critic_state"] = MemoryComponent.CriticState,
        ["kv_pages"] = MemoryComponent.KvPages,
        ["rollout_activations"] = MemoryComponent.Activations,
        ["reference_pass"] = MemoryComponent.Activations,
        ["activations"] = MemoryComponent.Activations,
        ["critic_activations"] = MemoryComponent.Activations,
        ["rollout_logits"] = MemoryComponent.Head,
        ["head"] = MemoryComponent.Head,
        ["kernels"] = MemoryComponent.Scratch,
        ["replay"] = MemoryComponent.Other,
    };

    /// <summary>The phase that holds most.</summary>
    public string Largest => Phases.MaxBy(p => p.Value.Values.Sum()).Key;

    /// <summary>Most bytes at a time.</summary>
    public long Peak => Phases.Values.Max(p => p.Values.Sum());

    /// <summary>The same without pages of keys and values.</summary>
    public long PeakWithoutKv =>
        Phases.Values.Max(p => p.Where(c => c.Key != MemoryComponent.KvPages).Sum(c => c.Value));

    /// <summary>Plans a setting for any device.</summary>
    /// <param name="setting">Who, at which size.</param>
    /// <param name="isCuda">On a GPU.</param>
    /// <param name="threads">CPU threads.</param>
    /// <param name="available">Bytes of the device; 0: not known.</param>
    public static Forecast Of(ProfileSetting setting, bool isCuda, int threads, long available)
    {
        ModelMemory model = new(setting.Shape.Architecture, setting.Options, setting.Adapter, isCuda, threads);
        MemoryPlan plan = MemoryPlan.Train(model, setting.Config, BatchPlan.Train(setting.Config, null), available);
        return Of([.. Variant(setting, model, plan.Parts)]);
    }

    internal static Forecast Of(IReadOnlyList<MemoryPart> parts)
    {
        Dictionary<string, IReadOnlyDictionary<string, long>> phases = new(StringComparer.Ordinal);
        foreach ((string name, MemoryPhase phase) in new[]
        {
            (Gen, MemoryPhase.Rollout), (Ref, MemoryPhase.Reference), (Critic, MemoryPhase.Critic),
            (Update, MemoryPhase.Update),
        })
        {
            if (parts.Any(p => p.Phase == phase && p.Bytes > 0))
            {
                phases[name] = parts.Where(p => p.Bytes > 0 && (p.Phase == phase || p.Phase == MemoryPhase.Always))
                    .GroupBy(p => s_components[p.Key])
                    .ToDictionary(g => g.Key, g => g.Sum(p => p.Bytes), StringComparer.Ordinal);
            }
        }

        return new(phases);
    }

    /// <summary>The parts of what the engine does not run, from the parts of what it runs.</summary>
    private static IEnumerable<MemoryPart> Variant(ProfileSetting setting, ModelMemory model,
        IReadOnlyList<MemoryPart> parts)
    {
        bool IsCritic(MemoryPart p) => p.Key.StartsWith("critic", StringComparison.Ordinal);
        switch (setting.Opponent.Form)
        {
            case OpponentForm.KnownReference:
                return parts.Where(p => p.Phase is not (MemoryPhase.Rollout or MemoryPhase.Reference)
                    && p.Key != "reference");
            case OpponentForm.OffloadedCritic:
                // In host memory but while it computes. A CPU has no other memory to put it into.
                return model.IsCuda ? parts.Select(p => IsCritic(p) ? p with { Phase = MemoryPhase.Critic } : p)
                    : parts;
            default:
                return parts;
        }
    }
}
