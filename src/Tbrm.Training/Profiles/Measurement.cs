using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;

namespace Tbrm.Training.Profiles;

/// <summary>One opponent at one size: as planned and, where the engine runs it, as measured.</summary>
/// <param name="Opponent">Who.</param>
/// <param name="Length">Response tokens.</param>
/// <param name="Batch">Prompts of a step.</param>
/// <param name="Plan">What plan says.</param>
/// <param name="Step">What a child measured; null: predicted only.</param>
public sealed record Measurement(Opponent Opponent, int Length, int Batch, Forecast Plan, StepRecord? Step)
{
    /// <summary>The peak that counts in comparisons: measured where it is.</summary>
    public long Peak => Step?.Peak ?? Plan.Peak;

    /// <summary>The same without pages of keys and values.</summary>
    public long PeakWithoutKv => Step?.PeakWithoutKv ?? Plan.PeakWithoutKv;

    /// <summary>How far the plan is from the measurement: 0.02 is 2 % too much.</summary>
    public double? Error => Step is null ? null : (double)Plan.Peak / Step.Peak - 1;

    /// <summary>As an object.</summary>
    /// <param name="tbrm">TBRM at the same size.</param>
    public JsonObject ToJson(Measurement tbrm)
    {
        ArgumentNullException.ThrowIfNull(tbrm);
        return new()
        {
            ["name"] = Opponent.Name,
            ["label"] = Opponent.Label,
            ["algorithm"] = Opponent.Algorithm,
            ["samples"] = Opponent.Samples,
            ["source"] = Step is null ? "predicted" : "measured",
            ["peak"] = Peak,
            ["peak_without_kv"] = PeakWithoutKv,
            ["peak_outside"] = Step?.Outside,
            ["peak_phase"] = Step?.Largest.Name ?? Plan.Largest,
            ["predicted"] = new JsonObject
            {
                ["peak"] = Plan.Peak,
                ["peak_without_kv"] = Plan.PeakWithoutKv,
                ["error"] = Error,
                ["phases"] = new JsonObject(Plan.Phases.Select(p =>
                    KeyValuePair.Create(p.Key, (JsonNode?)PhaseRecord.Bytes(p.Value)))),
            },
            ["tbrm_saves"] = Saving(tbrm.Peak, Peak),
            ["tbrm_saves_without_kv"] = Saving(tbrm.PeakWithoutKv, PeakWithoutKv),
            ["step"] = Step?.ToJson(),
        };
    }

    /// <summary>The share that <paramref name="own"/> takes less than <paramref name="other"/>; negative:
    /// more.</summary>
    public static double Saving(double own, double other) => other > 0 ? 1 - own / other : 0;
}

/// <summary>All that <c>profile memory</c> found.</summary>
/// <param name="Shape">The model.</param>
/// <param name="About">Parameters, dtype, device, micro-batches: a sentence.</param>
/// <param name="All">Every opponent at every size, TBRM first at each.</param>
/// <param name="Map">What TBRM saves elsewhere, by plan; empty: not asked for.</param>
public sealed record MemoryProfile(string Shape, string About, IReadOnlyList<Measurement> All,
    IReadOnlyList<MapCell> Map)
{
    /// <summary>The measurements of one size each.</summary>
    public IEnumerable<IReadOnlyList<Measurement>> Sizes =>
        All.GroupBy(m => (m.Length, m.Batch)).Select(g => (IReadOnlyList<Measurement>)[.. g]);

    /// <summary>As an object.</summary>
    public JsonObject ToJson() => new()
    {
        ["verb"] = "profile memory",
        ["shape"] = Shape,
        ["about"] = About,
        ["sizes"] = new JsonArray([.. Sizes.Select(s => (JsonNode)new JsonObject
        {
            ["length"] = s[0].Length,
            ["batch"] = s[0].Batch,
            ["opponents"] = new JsonArray([.. s.Select(m => (JsonNode)m.ToJson(s[0]))]),
        })]),
        ["map"] = new JsonArray([.. Map.Select(c => (JsonNode)c.ToJson())]),
    };
}
