using System;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Objectives.Rows;

/// <summary>
/// One row of <c>tbrm-native objective</c>: an optimizer batch as JSON in, loss, gradients, advantages, residuals and
/// metrics out, in fp64 and
/// without a model (docs/guide/objectives.md).
/// </summary>
public static class ObjectiveRow
{
    /// <summary>Evaluates a row. One that was wrapped as {"id": ..., "in": {...}} is answered as {"id": ..., "out":
    /// {...}}.</summary>
    /// <param name="row">The row.</param>
    /// <param name="where">For messages: <c>row 3</c>.</param>
    /// <exception cref="DataException">A field or parameter is unknown, missing or of another shape; the message begins
    /// with <paramref name="where"/>.</exception>
    public static JsonObject Evaluate(JsonObject row, string where)
    {
        ArgumentNullException.ThrowIfNull(row);
        if (row["in"] is JsonObject inner)
        {
            JsonObject answer = Evaluate(inner, where);
            return row["id"] is { } wrapped ? new() { ["id"] = wrapped.DeepClone(), ["out"] = answer }
                : new() { ["out"] = answer };
        }

        RowFields fields = new(row, where);
        JsonObject parameters = row["params"] switch
        {
            null => [],
            JsonObject given => given,
            JsonNode other =>
                throw new DataException($"{where}: params: expected an object, found {other.ToJsonString()}"),
        };
        try
        {
            JsonObject result = Choose(fields, parameters);
            return row["id"] is { } id ? With(result, id) : result;
        }
        catch (Exception e) when (e is ConfigException or ArgumentException)
        {
            throw new DataException($"{where}: {e.Message}", e);
        }
    }

    private static JsonObject Choose(RowFields fields, JsonObject parameters)
    {
        (string? algorithm, string? estimator) = (fields.Text("algorithm"), fields.Text("estimator"));
        return (algorithm, estimator) switch
        {
            (not null, null) => AlgorithmRow.Evaluate(fields, algorithm, parameters),
            (null, not null) => EstimatorRow.Evaluate(fields, estimator, parameters),
            _ => throw new DataException(
                $"{fields.Where}: expected one of algorithm and estimator, found "
                    + $"{(algorithm is null ? "neither" : "both")}"),
        };
    }

    private static JsonObject With(JsonObject result, JsonNode id)
    {
        JsonObject answer = new() { ["id"] = id.DeepClone() };
        foreach ((string name, JsonNode? value) in result.ToArray())
        {
            answer[name] = value?.DeepClone();
        }

        return answer;
    }
}
