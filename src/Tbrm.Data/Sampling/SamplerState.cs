using System;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Data.Sampling;

/// <summary>Where a sampler stands, with what it must agree on to be resumed; saved as <c>data.json</c> in a
/// checkpoint.</summary>
/// <param name="Epoch">The epoch that the next prompt belongs to.</param>
/// <param name="Position">How many prompts of that epoch have been handed out.</param>
/// <param name="Count">The size of the source, null when it has no end.</param>
/// <param name="Seed">The seed of the order.</param>
/// <param name="Shuffle">Whether the order is shuffled.</param>
public sealed record SamplerState(long Epoch, long Position, long? Count, ulong Seed, bool Shuffle)
{
    /// <summary>The state as a JSON object.</summary>
    public JsonObject ToJson() => new()
    {
        ["epoch"] = Epoch,
        ["position"] = Position,
        ["count"] = Count,
        ["seed"] = Seed,
        ["shuffle"] = Shuffle,
    };

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="DataException">A key is missing or is not of its type.</exception>
    public static SamplerState FromJson(JsonObject json)
    {
        try
        {
            return new SamplerState(
                Required(json, "epoch").GetValue<long>(),
                Required(json, "position").GetValue<long>(),
                json["count"]?.GetValue<long>(),
                Required(json, "seed").GetValue<ulong>(),
                Required(json, "shuffle").GetValue<bool>());
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException or JsonException)
        {
            throw new DataException($"the saved state of the data sampler is damaged: {e.Message}", e);
        }
    }

    private static JsonNode Required(JsonObject json, string key)
    {
        return json[key] ?? throw new DataException($"the saved state of the data sampler has no '{key}'");
    }
}
