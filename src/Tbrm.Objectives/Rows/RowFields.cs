using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Objectives.Rows;

/// <summary>The fields of a row: numbers, lists of numbers per trajectory, lists of lists per token. What is never read
/// is an unknown field.</summary>
internal sealed class RowFields(JsonObject row, string where)
{
    private readonly HashSet<string> _read = new(StringComparer.Ordinal) { "id", "source", "note", "params" };

    /// <summary>For messages.</summary>
    public string Where => where;

    /// <summary>Elements of a list.</summary>
    public int Count(string name) => row[name] is JsonArray list ? list.Count : 0;

    public bool Has(string name)
    {
        _read.Add(name);
        return row[name] is not null;
    }

    public string? Text(string name)
    {
        _read.Add(name);
        return row[name] is not { } node ? null
            : node.GetValueKind() == JsonValueKind.String ? node.GetValue<string>() : throw Wrong(name, "a text", node);
    }

    public double Number(string name)
    {
        _read.Add(name);
        return row[name] is { } node ? RowNumbers.Of(node) ?? throw Wrong(name, "a number", node)
            : throw new DataException($"{where}: the field {name} is missing");
    }

    /// <summary>A number per trajectory; empty when absent.</summary>
    public double[] PerTrajectory(string name, int count)
    {
        double[] values = List(name);
        return values.Length == count || row[name] is null ? values
            : throw new DataException(
                $"{where}: {name}: expected {count} numbers, one per sequence, found {values.Length}");
    }

    /// <summary>A list of numbers; empty when absent.</summary>
    public double[] List(string name)
    {
        _read.Add(name);
        return row[name] is { } node ? Numbers(name, node) : [];
    }

    /// <summary>A number per token, a list per sequence; null when absent.</summary>
    public double[][]? PerToken(string name)
    {
        _read.Add(name);
        return row[name] is not { } node ? null
            : node is JsonArray lists
                ? [.. lists.Select(list => list is JsonArray one ? Numbers(name, one)
                : throw Wrong(name, "a list per sequence", node))]
            : throw Wrong(name, "a list of lists, one per sequence", node);
    }

    /// <summary>Trajectories with equal values (numbers or texts) are one group; empty when absent.</summary>
    public int[] Groups(string name, int count)
    {
        _read.Add(name);
        if (row[name] is not { } node)
        {
            return [];
        }

        if (node is not JsonArray list || list.Count != count)
        {
            throw Wrong(name, $"a list of {count} groups, one per sequence", node);
        }

        List<string> seen = [];
        return [.. list.Select(item =>
        {
            string key = item?.ToJsonString() ?? "null";
            int at = seen.IndexOf(key);
            if (at < 0)
            {
                seen.Add(key);
            }

            return at < 0 ? seen.Count - 1 : at;
        })];
    }

    /// <summary>Refuses fields that nothing has read.</summary>
    public void RefuseOthers()
    {
        foreach (string name in row.Select(field => field.Key).Where(name => !_read.Contains(name)))
        {
            throw new DataException($"{where}: unknown field '{name}'{NearestName.Hint(name, _read)}");
        }
    }

    private double[] Numbers(string name, JsonNode node) => node is JsonArray list
        ? [.. list.Select(item => RowNumbers.Of(item) ?? throw Wrong(name, "numbers", node))]
        : throw Wrong(name, "a list of numbers", node);

    private DataException Wrong(string name, string expected, JsonNode found)
    {
        string text = found.ToJsonString();
        return new($"{where}: {name}: expected {expected}, found {(text.Length > 80 ? text[..80] + "..." : text)}");
    }
}
