using System.Collections.Generic;
using System.Globalization;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Builds and reads the JSON of items: Python's integers of any size, tuples as arrays.</summary>
internal static class TaskJson
{
    /// <summary>The start of every item's metadata.</summary>
    public static JsonObject Metadata(string task, long index)
    {
        return new JsonObject { ["source_dataset"] = task, ["source_index"] = index };
    }

    /// <summary>An item as one object: <c>question</c>, <c>answer</c>, <c>metadata</c>.</summary>
    public static JsonObject ItemOf(TaskItem item)
    {
        return new JsonObject
        {
            ["question"] = item.Question,
            ["answer"] = item.Answer,
            ["metadata"] = item.Metadata.DeepClone()
        };
    }

    /// <summary>An integer of any size.</summary>
    public static JsonNode Integer(BigInteger value)
    {
        return value >= long.MinValue && value <= long.MaxValue
            ? JsonValue.Create((long)value)
            : JsonNode.Parse(value.ToString(CultureInfo.InvariantCulture))!;
    }

    /// <summary>A float, which stays one when it is whole: 2.0, not 2.</summary>
    public static JsonNode Float(double value)
    {
        return JsonNode.Parse(PythonFloat.Repr(value))!;
    }

    /// <summary>A pair of bounds, as <c>difficulty</c> holds them.</summary>
    public static JsonArray Range(BigInteger low, BigInteger high)
    {
        return [Integer(low), Integer(high)];
    }

    /// <summary>A list of integers.</summary>
    public static JsonArray Integers(IEnumerable<BigInteger> values)
    {
        JsonArray array = [];
        foreach (BigInteger value in values)
        {
            array.Add(Integer(value));
        }

        return array;
    }

    /// <summary>A list of integers.</summary>
    public static JsonArray Integers(IEnumerable<int> values)
    {
        JsonArray array = [];
        foreach (int value in values)
        {
            array.Add((JsonNode)value);
        }

        return array;
    }

    /// <summary>A list of texts.</summary>
    public static JsonArray Texts(IEnumerable<string> values)
    {
        JsonArray array = [];
        foreach (string value in values)
        {
            array.Add((JsonNode)value);
        }

        return array;
    }

    /// <summary>A member that a scorer needs.</summary>
    /// <exception cref="DataException">It is missing.</exception>
    public static JsonNode Required(JsonObject metadata, string key)
    {
        return metadata[key]
            ?? throw new DataException(
            $"entry.metadata.{key}: a value was expected, found none; pass the entry as it was generated");
    }

    /// <summary>A text that a scorer needs.</summary>
    /// <exception cref="DataException">It is missing or no text.</exception>
    public static string RequiredText(JsonObject metadata, string key)
    {
        return TextOf(Required(metadata, key), key);
    }

    /// <summary>An integer that a scorer needs.</summary>
    /// <exception cref="DataException">It is missing or no integer.</exception>
    public static BigInteger RequiredInteger(JsonObject metadata, string key)
    {
        return IntegerOf(Required(metadata, key), key);
    }

    /// <summary>The integer that a node holds.</summary>
    /// <exception cref="DataException">It holds something else.</exception>
    public static BigInteger IntegerOf(JsonNode? node, string key)
    {
        if (node is JsonValue && node.GetValueKind() == JsonValueKind.Number
            && BigInteger.TryParse(node.ToJsonString(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture,
                out BigInteger value))
        {
            return value;
        }

        throw new DataException(
            $"entry.metadata.{key}: an integer was expected, found {node?.ToJsonString() ?? "null"}");
    }

    /// <summary>The text that a node holds.</summary>
    /// <exception cref="DataException">It holds something else.</exception>
    public static string TextOf(JsonNode? node, string key)
    {
        return node is JsonValue && node.GetValueKind() == JsonValueKind.String
            ? node.GetValue<string>()
            : throw new DataException(
                $"entry.metadata.{key}: a text was expected, found {node?.ToJsonString() ?? "null"}");
    }

    /// <summary>The list that a node holds.</summary>
    /// <exception cref="DataException">It holds something else.</exception>
    public static JsonArray ArrayOf(JsonNode? node, string key)
    {
        return node as JsonArray
            ?? throw new DataException(
                $"entry.metadata.{key}: a list was expected, found {node?.ToJsonString() ?? "null"}");
    }
}
