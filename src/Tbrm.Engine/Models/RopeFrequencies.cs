using System;
using System.Linq;
using Tbrm.Core.Errors;

namespace Tbrm.Engine.Models;

/// <summary>
/// Rotations per position for every pair of a head, after the scaling that a checkpoint's <c>rope_scaling</c> (since
/// transformers 5
/// <c>rope_parameters</c>) asks for. Formulas as in transformers' modeling_rope_utils: none, linear, dynamic, llama3,
/// yarn.
/// </summary>
/// <param name="InverseFrequencies">[head_dim / 2], radians per position.</param>
/// <param name="AttentionFactor">Multiplies cos and sin.</param>
/// <param name="LongestSequence">Beyond this many positions the rotations would have to change with the sequence's
/// length.</param>
public sealed record RopeFrequencies(float[] InverseFrequencies, float AttentionFactor,
    int LongestSequence = int.MaxValue)
{
    private const string Full = "full_attention", Sliding = "sliding_attention";

    /// <summary>Positions that the scaling was made for; 0 where config.json's max_position_embeddings says
    /// it.</summary>
    public double ScaledLength { get; init; }

    /// <summary>theta: pair i turns by theta^(-2i / head_dim) where nothing scales it.</summary>
    public double Base { get; init; }

    /// <summary>[head_dim / 2] of the layers that slide, radians per position; empty where they turn as the others
    /// do.</summary>
    public float[] SlidingInverseFrequencies { get; init; } = [];

    /// <summary>The tables one after another, as the library takes them.</summary>
    internal float[] Tables => [.. InverseFrequencies, .. SlidingInverseFrequencies];

    /// <summary>Computes the tables from <c>config.json</c>'s keys.</summary>
    internal static RopeFrequencies Create(ConfigJson config, DecoderFamily family, int headDim, int maxPositions)
    {
        RopeFrequencies full = OfFullLayers(config, family, headDim, maxPositions);
        return family.HasSlidingLayers
            ? Finite(full with { SlidingInverseFrequencies = OfSlidingLayers(config, headDim) }, config) : full;
    }

    /// <summary>Sliding layers turn by a base of their own, unscaled: <c>rope_local_base_freq</c>, or since
    /// transformers 5 their entry of <c>rope_parameters</c>.</summary>
    private static float[] OfSlidingLayers(ConfigJson config, int headDim)
    {
        ConfigJson? own = config.Object("rope_parameters") is { } byType && IsByType(byType) ? byType.Object(Sliding)
            : null;
        string kind = own?.Text("rope_type") ?? "default";
        return kind == "default"
            ? Narrow(Plain(own?.Optional("rope_theta", above: 0)
            ?? config.Double("rope_local_base_freq", 10000, above: 0), headDim))
            : throw new DataException(
                $"{own!.Where}: type '{kind}' is not supported; expected default in sliding layers");
    }

    private static double[] Plain(double theta, int headDim) =>
        [.. Enumerable.Range(0, headDim / 2).Select(i => 1 / Math.Pow(theta, 2.0 * i / headDim))];

    private static RopeFrequencies OfFullLayers(ConfigJson config, DecoderFamily family, int headDim, int maxPositions)
    {
        ConfigJson? parameters = ByType(config, "rope_parameters"), scaling = ByType(config, "rope_scaling")
            ?? parameters;
        double theta = parameters?.Optional("rope_theta", above: 0)
            ?? config.Double("rope_theta", family.RopeTheta, above: 0);
        double[] plain = Plain(theta, headDim);

        if (scaling is not null && scaling.Double("partial_rotary_factor", 1) != 1)
        {
            throw new DataException(
                $"{scaling.Where}: partial_rotary_factor is not supported; rotary embedding here turns whole heads");
        }

        string kind = scaling?.Text("rope_type") ?? scaling?.Text("type") ?? "default";
        // What the file has of a Gemma 3 is the length that it reaches (131072 = 8 * 16384).
        bool isScaled = family.PositionsAreScaled
            && scaling?.Optional("original_max_position_embeddings", above: 0) is null;
        double original = scaling?.Optional("original_max_position_embeddings", above: 0) ?? maxPositions;
        return Finite(kind switch
        {
            "default" => new(Narrow(plain), 1),
            "linear" => new(Narrow(Array.ConvertAll(plain, f => f / Number(scaling!, kind, "factor"))),
                1)
            { ScaledLength = isScaled ? 0 : original * Number(scaling!, kind, "factor") },
            // Up to the length that the model was trained for, the dynamic base is the base.
            "dynamic" => new(Narrow(plain), 1, (int)Math.Min(original, int.MaxValue)),
            "llama3" => Llama3(plain, scaling!, kind),
            "yarn" => Yarn(plain, headDim, theta, scaling!, original, maxPositions),
            _ => throw new DataException(
                $"{scaling!.Where}: type '{kind}' is not known; expected default, linear, dynamic, llama3 or yarn"),
        }, scaling ?? config) with
        { Base = theta };
    }

    /// <summary>
    /// Since transformers 5 the parameters may stand once per kind of layer: {"full_attention": {...},
    /// "sliding_attention": {...}}. Those of the first kind count
    /// here; a file that has others alone is refused.
    /// </summary>
    private static ConfigJson? ByType(ConfigJson config, string key)
    {
        ConfigJson? found = config.Object(key);
        if (found is null || !IsByType(found))
        {
            return found;
        }

        return found.Object(Full)
            ?? throw new DataException(
            $"{found.Where}: there is no {Full} among {string.Join(", ", found.Keys)}; attention here sees the whole "
                + "sequence in every layer");
    }

    private static bool IsByType(ConfigJson parameters) =>
        parameters.Keys.Any(k => k.EndsWith("_attention", StringComparison.Ordinal));

    private static RopeFrequencies Finite(RopeFrequencies rope, ConfigJson config) =>
        rope.Tables.All(float.IsFinite) && float.IsFinite(rope.AttentionFactor) && rope.AttentionFactor > 0 ? rope
            : throw new DataException(
                $"{config.Where}: the rotations that rope_theta, factor and attention_factor give are not finite fp32 "
                    + "numbers; check them");

    /// <summary>The length of sequence, when the rotations hold for it.</summary>
    internal int Checked(int positions) => positions <= LongestSequence ? positions : throw new DataException(
        $"rope_scaling of type dynamic is supported up to {LongestSequence} positions, where it changes nothing yet; "
            + $"sequences may get {positions} long here (data.max_prompt_length, data.max_response_length)");

    private static double Number(ConfigJson scaling, string kind, string key) =>
        scaling.Optional(key, above: 0)
            ?? throw new DataException($"{scaling.Where}: type {kind} needs the number {key}");

    private static float[] Narrow(double[] values) => Array.ConvertAll(values, v => (float)v);

    private static RopeFrequencies Llama3(double[] plain, ConfigJson scaling, string kind)
    {
        double factor = Number(scaling, kind, "factor"),
            original = Number(scaling, kind, "original_max_position_embeddings");
        double low = Number(scaling, kind, "low_freq_factor"), high = Number(scaling, kind, "high_freq_factor");
        if (low >= high)
        {
            throw new DataException(
                $"{scaling.Where}: low_freq_factor is {low}; expected less than high_freq_factor, which is {high}");
        }

        return new(Narrow(Array.ConvertAll(plain, f =>
        {
            double wavelength = 2 * Math.PI / f;
            if (wavelength < original / high)
            {
                return f;
            }

            if (wavelength > original / low)
            {
                return f / factor;
            }

            double smooth = (original / wavelength - low) / (high - low);
            return (1 - smooth) * f / factor + smooth * f;
        })), 1);
    }

    private static RopeFrequencies Yarn(double[] plain, int headDim, double theta, ConfigJson scaling, double original,
        int maxPositions)
    {
        double factor = scaling.Optional("factor", above: 0) ?? maxPositions / original;
        // As the reference does, zero counts as absent.
        double fast = NonZero(scaling.Optional("beta_fast")) ?? 32, slow = NonZero(scaling.Optional("beta_slow")) ?? 1;
        if (fast < 0 || slow < 0)
        {
            throw new DataException(
                $"{scaling.Where}: beta_fast is {fast} and beta_slow {slow}; expected positive numbers");
        }

        double Correction(double rotations) =>
            headDim * Math.Log(original / (rotations * 2 * Math.PI)) / (2 * Math.Log(theta));
        bool isTruncated = scaling.Bool("truncate", true);
        double from = Math.Max(isTruncated ? Math.Floor(Correction(fast)) : Correction(fast), 0);
        double to = Math.Min(isTruncated ? Math.Ceiling(Correction(slow)) : Correction(slow), headDim - 1);
        double[] scaled = [.. plain.Select((f, i) =>
        {
            double ramp = Math.Clamp((i - from) / (to == from ? 0.001 : to - from), 0, 1);
            return f / factor * ramp + f * (1 - ramp);
        })];
        double scale = scaling.Optional("attention_factor", above: 0) ?? AttentionScale(factor, scaling);
        return new(Narrow(scaled), (float)scale) { ScaledLength = original * factor };
    }

    /// <summary>Where the file gives no factor: 0.1 m ln(s) + 1, or, with two m, the quotient (DeepSeek's
    /// form).</summary>
    private static double AttentionScale(double factor, ConfigJson scaling)
    {
        double Scale(double m) => factor <= 1 ? 1 : 0.1 * m * Math.Log(factor) + 1;
        return NonZero(scaling.Optional("mscale")) is { } mscale
            && NonZero(scaling.Optional("mscale_all_dim")) is { } all ? Scale(mscale) / Scale(all) : Scale(1);
    }

    private static double? NonZero(double? value) => value == 0 ? null : value;
}
