using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Engine;

namespace Tbrm.Training.Profiles;

/// <summary>What was held in a phase of a step.</summary>
/// <param name="Name">verl's timer name, or <see cref="Between"/>.</param>
/// <param name="Start">Seconds since the step began.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Before">Bytes by component when it began.</param>
/// <param name="Peak">The same when the whole was at its peak.</param>
/// <param name="After">The same when it ended.</param>
/// <param name="Outside">The process's resident bytes at their peak, on a GPU what the driver says is used.</param>
public sealed record PhaseRecord(string Name, double Start, double Seconds, IReadOnlyDictionary<string, long> Before,
    IReadOnlyDictionary<string, long> Peak, IReadOnlyDictionary<string, long> After, long Outside)
{
    /// <summary>What lies between two phases.</summary>
    public const string Between = "between";

    /// <summary>The phases in the order of a step.</summary>
    public static IReadOnlyList<string> Order { get; } =
    [
        "gen", "gen_max", "reward", "ref", "old_log_prob", "values", "adv", "update_critic", "update_actor",
    ];

    /// <summary>Bytes at the peak.</summary>
    public long Total => Peak.Values.Sum();

    /// <summary>The same without the pages of keys and values, whose number is a setting.</summary>
    public long WithoutKv => Total - Peak.GetValueOrDefault(MemoryComponent.KvPages);

    /// <summary>As an object.</summary>
    public JsonObject ToJson() => new()
    {
        ["name"] = Name,
        ["start_s"] = Start,
        ["seconds"] = Seconds,
        ["before"] = Bytes(Before),
        ["peak"] = Bytes(Peak),
        ["after"] = Bytes(After),
        ["peak_total"] = Total,
        ["outside"] = Outside,
    };

    /// <summary>What <see cref="ToJson"/> wrote.</summary>
    public static PhaseRecord FromJson(JsonNode json) => new((string)json["name"]!, (double)json["start_s"]!,
        (double)json["seconds"]!, Bytes(json["before"]!), Bytes(json["peak"]!), Bytes(json["after"]!),
        (long)json["outside"]!);

    internal static JsonObject Bytes(IReadOnlyDictionary<string, long> components) =>
        new(MemoryComponent.All.Where(components.ContainsKey)
            .Select(k => KeyValuePair.Create(k, (JsonNode?)components[k])));

    internal static IReadOnlyDictionary<string, long> Bytes(JsonNode json) =>
        json.AsObject().ToDictionary(p => p.Key, p => (long)p.Value!, StringComparer.Ordinal);
}

/// <summary>What a child says of one step.</summary>
/// <param name="Phases">In order, what lies between them too.</param>
/// <param name="Seconds">The whole step.</param>
/// <param name="OutsideBefore">Resident bytes of the process before there was a model.</param>
public sealed record StepRecord(IReadOnlyList<PhaseRecord> Phases, double Seconds, long OutsideBefore)
{
    /// <summary>The phase that held most.</summary>
    public PhaseRecord Largest => Phases.MaxBy(p => p.Total)!;

    /// <summary>Most bytes that the engine's counter saw.</summary>
    public long Peak => Largest.Total;

    /// <summary>The same without pages of keys and values.</summary>
    public long PeakWithoutKv => Phases.Max(p => p.WithoutKv);

    /// <summary>Most bytes that the system saw, without what the process held before there was a model.</summary>
    public long Outside => Phases.Max(p => p.Outside) - OutsideBefore;

    /// <summary>Seconds by phase; a phase that came several times in a step counts together.</summary>
    public IReadOnlyDictionary<string, double> Times => Phases.Where(p => p.Name != PhaseRecord.Between)
        .GroupBy(p => p.Name).ToDictionary(g => g.Key, g => g.Sum(p => p.Seconds), StringComparer.Ordinal);

    /// <summary>As an object.</summary>
    public JsonObject ToJson() => new()
    {
        ["seconds"] = Seconds,
        ["outside_before"] = OutsideBefore,
        ["phases"] = new JsonArray([.. Phases.Select(p => (JsonNode)p.ToJson())]),
    };

    /// <summary>What <see cref="ToJson"/> wrote.</summary>
    public static StepRecord FromJson(JsonNode json) => new(
        [.. json["phases"]!.AsArray().Select(p => PhaseRecord.FromJson(p!))], (double)json["seconds"]!,
        (long)json["outside_before"]!);
}
