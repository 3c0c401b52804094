using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Interop;

namespace Tbrm.Engine.Models;

/// <summary>A low-rank adapter (LoRA): y = x Wᵀ + scale · (x Aᵀ) Bᵀ in the targeted projections of every
/// layer.</summary>
/// <param name="Rank">Rows of A; with <see cref="Modules"/>, of most of them.</param>
/// <param name="Alpha">scale = alpha / rank; with <see cref="Modules"/>, of most of them.</param>
/// <param name="UseRslora">scale = alpha / sqrt(rank) instead.</param>
/// <param name="Targets">Adapted projections; with <see cref="Modules"/>, those of any layer.</param>
public sealed record AdapterOptions(int Rank, double Alpha, bool UseRslora, AdapterTargets Targets)
{
    /// <summary>Every adapted projection where they may differ in rank, alpha or from layer to layer; null where each
    /// layer has the same.</summary>
    public IReadOnlyList<AdapterModule>? Modules { get; private init; }

    /// <summary>An adapter of these modules (at least one).</summary>
    public static AdapterOptions OfModules(IReadOnlyList<AdapterModule> modules, bool useRslora) =>
        new(Most(modules.Select(m => m.Rank)), Most(modules.Select(m => m.Alpha)), useRslora,
            modules.Aggregate((AdapterTargets)0, (all, m) => all | m.Target))
        { Modules = modules };

    private static T Most<T>(IEnumerable<T> values) => values.GroupBy(v => v).OrderByDescending(g => g.Count())
        .First().Key;

    /// <summary>PEFT's word for all projections of the decoder layers (not the head).</summary>
    public const string AllLinear = "all-linear";

    private static readonly (string Name, AdapterTargets Target)[] s_targets =
    [
        ("q_proj", AdapterTargets.QProj), ("k_proj", AdapterTargets.KProj), ("v_proj", AdapterTargets.VProj),
            ("o_proj", AdapterTargets.OProj),
        ("gate_proj", AdapterTargets.GateProj), ("up_proj", AdapterTargets.UpProj),
            ("down_proj", AdapterTargets.DownProj),
    ];

    /// <summary>What multiplies the adapter's product.</summary>
    public double Scale => ScaleOf(Rank, Alpha);

    private double ScaleOf(int rank, double alpha) => alpha / (UseRslora ? Math.Sqrt(rank) : rank);

    /// <summary>The rank, or the least and the largest.</summary>
    public string RankText => Modules is null || Modules.All(m => m.Rank == Rank)
        ? FormattableString.Invariant($"{Rank}")
        : FormattableString.Invariant($"{Modules.Min(m => m.Rank)} to {Modules.Max(m => m.Rank)}");

    /// <summary>Names of the adapted projections, in the order of the decoder.</summary>
    public IReadOnlyList<string> TargetNames =>
        [.. s_targets.Where(t => Targets.HasFlag(t.Target)).Select(t => t.Name)];

    /// <summary>Parameters of A and B.</summary>
    public long ParameterCount(ModelArchitecture architecture) => ModelMemory.Counted(architecture, this).Trained;

    /// <summary>The name of one projection.</summary>
    internal static string NameOf(AdapterTargets target) => s_targets.First(t => t.Target == target).Name;

    /// <summary>Names that are no projection and not "all-linear".</summary>
    public static IReadOnlyList<string> UnknownTargets(IEnumerable<string> names)
    {
        _ = ParseTargets(names, out IReadOnlyList<string> unknown);
        return unknown;
    }

    /// <summary>Reads names of projections; "all-linear" stands for all. The names that mean nothing go to
    /// <paramref name="unknown"/>.</summary>
    internal static AdapterTargets ParseTargets(IEnumerable<string> names, out IReadOnlyList<string> unknown)
    {
        AdapterTargets targets = 0;
        List<string> others = [];
        foreach (string name in names)
        {
            AdapterTargets found = name == AllLinear
                ? s_targets.Aggregate((AdapterTargets)0, (all, t) => all | t.Target)
                : s_targets.FirstOrDefault(t => t.Name == name).Target;
            targets |= found;
            if (found == 0)
            {
                others.Add(name);
            }
        }

        unknown = others;
        return targets;
    }

    /// <summary>An adapter of all projections, scale 1.</summary>
    public static AdapterOptions AllProjections(int rank) =>
        new(rank, rank, UseRslora: false, ParseTargets([AllLinear], out _));

    /// <summary>The names that <see cref="ParseTargets"/> knows, for messages.</summary>
    public static string KnownTargets { get; } =
        $"{AllLinear}, or a list among {string.Join(", ", s_targets.Select(t => t.Name))}";

    /// <summary>The adapter that a configuration asks for; null when it asks for none. An adapter's own folder decides
    /// where one is given.</summary>
    public static AdapterOptions? Of(ModelConfig config) =>
        config.LoraAdapterPath.Length > 0 ? Stored("model", config.LoraAdapterPath, config.LoraRank)
            : Of(config.LoraRank, config.LoraAlpha, config.UseRslora, config.TargetModules);

    /// <summary>The critic's adapter, in the same way.</summary>
    public static AdapterOptions? Of(CriticModelConfig config) =>
        config.LoraAdapterPath.Length > 0 ? Stored("critic.model", config.LoraAdapterPath, config.LoraRank)
            : Of(config.LoraRank, config.LoraAlpha, config.UseRslora, config.TargetModules);

    private static AdapterOptions? Of(int rank, double alpha, bool useRslora, List<string> targets) =>
        rank == 0 ? null : new(rank, alpha, useRslora, ParseTargets(targets, out _));

    private static AdapterOptions Stored(string section, string folder, int rank)
    {
        AdapterOptions stored = PeftFolder.Read(folder);
        return rank == 0 || stored.RankText == FormattableString.Invariant($"{rank}") ? stored
            : throw new ConfigException($"{section}.lora_rank={rank}, but the adapter in {folder} has rank "
                + $"{stored.RankText}; leave {section}.lora_rank out, and the adapter decides");
    }

    /// <summary>The native configuration of an adapter of this kind.</summary>
    internal NativeAdapterConfig Native(bool trainable, ulong seed) => new()
    {
        Rank = Rank,
        Targets = (int)Targets,
        Trainable = trainable ? 1 : 0,
        Scale = (float)Scale,
        Seed = seed,
    };

    /// <summary>Ranks and scales of every projection of every layer, as the native configuration has them; empty where
    /// one is all's.</summary>
    /// <exception cref="DataException">The adapter has a layer that the model has not.</exception>
    internal (int[] Ranks, float[] Scales) NativeModules(int layers)
    {
        if (Modules is null)
        {
            return ([], []);
        }

        int[] ranks = new int[layers * s_targets.Length];
        float[] scales = new float[ranks.Length];
        foreach (AdapterModule module in Modules)
        {
            if (module.Layer >= layers)
            {
                throw new DataException(
                    $"the adapter has tensors for layer {module.Layer}, but the model has {layers} layers (0 to "
                        + $"{layers - 1}); it belongs to another base");
            }

            int at = (module.Layer * s_targets.Length) + Array.FindIndex(s_targets, t => t.Target == module.Target);
            ranks[at] = module.Rank;
            scales[at] = (float)ScaleOf(module.Rank, module.Alpha);
        }

        return (ranks, scales);
    }
}
