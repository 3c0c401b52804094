using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tbrm.Objectives.Rows;

/// <summary>Numbers to and from JSON.</summary>
internal static class RowNumbers
{
    /// <summary>A number, true or false as 1 or 0, NaN and the infinities as texts, null as NaN; null when it is none
    /// of these.</summary>
    public static double? Of(JsonNode? node) => node?.GetValueKind() switch
    {
        null or JsonValueKind.Null => double.NaN,
        JsonValueKind.True => 1,
        JsonValueKind.False => 0,
        JsonValueKind.Number => double.Parse(node.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture),
        JsonValueKind.String => node.GetValue<string>() switch
        {
            "NaN" => double.NaN,
            "Infinity" => double.PositiveInfinity,
            "-Infinity" => double.NegativeInfinity,
            _ => null,
        },
        _ => null,
    };

    /// <summary>A number; what is not finite is null.</summary>
    public static JsonNode? ToJson(double value) => double.IsFinite(value) ? JsonValue.Create(value == 0 ? 0.0 : value)
        : null;

    public static JsonArray ToJson(IEnumerable<double> values) => [.. values.Select(ToJson)];

    /// <summary>Rows cut back into a list per sequence.</summary>
    public static JsonArray ToJson(double[] rows, long[] offsets)
    {
        JsonArray lists = [];
        for (int b = 0; b + 1 < offsets.Length; b++)
        {
            lists.Add((JsonNode)ToJson(rows[(int)offsets[b]..(int)offsets[b + 1]]));
        }

        return lists;
    }
}
