using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Engine.Models;

/// <summary>What the queries of each layer see.</summary>
/// <param name="Window">Keys that a token sees in a sliding layer, its own included; 0: no layer slides.</param>
/// <param name="Sliding">Indices of the sliding layers; the others see the whole sequence.</param>
internal sealed record LayerAttention(int Window, IReadOnlyList<int> Sliding)
{
    private const string FullLayer = "full_attention", SlidingLayer = "sliding_attention";

    /// <summary>Every layer sees the whole sequence.</summary>
    public static LayerAttention Full { get; } = new(0, []);

    /// <summary>Reads <c>layer_types</c>, and what an architecture with sliding layers has beside it.</summary>
    public static LayerAttention Read(ConfigJson read, DecoderFamily family)
    {
        int layers = read.Int("num_hidden_layers", most: ModelLimits.Layers);
        bool maySlide = family.HasSlidingLayers || (family.MaySlide && read.Bool("use_sliding_window", false));
        bool[] slides = read.List("layer_types") is { } types ? Named(read, family, types, layers, maySlide)
            : family.HasSlidingLayers ? Pattern(read, layers)
            : maySlide ? FromOn(read, layers)
            : [];
        if (!maySlide)
        {
            return Full;
        }

        int[] sliding = [.. Enumerable.Range(0, layers).Where(i => slides[i])];
        if (sliding.Length > 0 && read.Keys.Contains("sliding_window") && read.Value("sliding_window") is null)
        {
            throw new DataException($"{read.Where}: sliding_window is null, but layer {sliding[0]} slides; "
                + "expected the number of tokens that it sees");
        }

        return sliding.Length == 0 ? Full : new(read.Int("sliding_window", 4096, ModelLimits.Window), sliding);
    }

    /// <summary>Qwen's form: the first max_window_layers layers see everything, those behind them slide.</summary>
    private static bool[] FromOn(ConfigJson read, int layers)
    {
        int first = read.Int("max_window_layers", 28, least: 0);
        return [.. Enumerable.Range(0, layers).Select(i => i >= first)];
    }

    /// <summary>This among the settings of an architecture.</summary>
    public IEnumerable<(string Name, string Value)> Settings() => Sliding.Count == 0 ? []
        : [("sliding_window", Window.ToString(CultureInfo.InvariantCulture)), ("sliding_layers", Ranges())];

    /// <summary>"0-4,6".</summary>
    private string Ranges()
    {
        List<string> ranges = [];
        for (int i = 0; i < Sliding.Count; i++)
        {
            int first = Sliding[i];
            while (i + 1 < Sliding.Count && Sliding[i + 1] == Sliding[i] + 1)
            {
                i++;
            }

            ranges.Add(first == Sliding[i] ? $"{first}" : $"{first}-{Sliding[i]}");
        }

        return string.Join(',', ranges);
    }

    /// <summary>All layers slide but every so many-th; transformers writes the number with or without a leading
    /// underscore, and took 6 before it wrote it.</summary>
    private static bool[] Pattern(ConfigJson read, int layers)
    {
        int every = read.Int("sliding_window_pattern", read.Int("_sliding_window_pattern", 6));
        return [.. Enumerable.Range(1, layers).Select(i => i % every != 0)];
    }

    private static bool[] Named(ConfigJson read, DecoderFamily family, JsonArray types, int layers, bool maySlide)
    {
        if (types.Count != layers)
        {
            throw new DataException(
                $"{read.Where}: layer_types has {types.Count} entries; expected num_hidden_layers={layers}");
        }

        return [.. types.Select((type, at) => type is JsonValue value && value.TryGetValue(out string? text)
            ? text switch
        {
            FullLayer => false,
            SlidingLayer when maySlide => true,
            _ => throw Unknown(read, family, types, at, maySlide),
        }
        : throw Unknown(read, family, types, at, maySlide))];
    }

    private static DataException Unknown(ConfigJson read, DecoderFamily family, JsonArray types, int at,
        bool maySlide) => new(
        $"{read.Where}: layer_types[{at}] is {ConfigJson.Shown(types[at])}, which is not supported; "
        + (maySlide ? $"expected {FullLayer} or {SlidingLayer}"
            : family.MaySlide ? $"expected {FullLayer} in every layer, or use_sliding_window=true beside it"
            : $"a {family.ModelType} here sees the whole sequence: expected {FullLayer} in every layer"));
}
