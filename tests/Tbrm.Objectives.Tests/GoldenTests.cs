using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Objectives.Rows;

namespace Tbrm.Objectives.Tests;

/// <summary>Rows whose answers were computed elsewhere (each names its source), within the tolerance that each
/// states.</summary>
public sealed class GoldenTests
{
    private static IEnumerable<TestCaseData> Rows() =>
        File.ReadLines(Testing.Repository.PathOf("tests", "Tbrm.Objectives.Tests", "Golden", "rows.jsonl"))
        .Select(line => JsonNode.Parse(line)!)
            .Select(row => new TestCaseData(row).SetArgDisplayNames((string)row["id"]!));

    [TestCaseSource(nameof(Rows))]
    public void A_row_has_the_answer_of_its_source(JsonNode row)
    {
        JsonObject answer = ObjectiveRow.Evaluate((JsonObject)row["in"]!.DeepClone(), "row 1");
        List<string> differences = [];
        Compare(row["out"]!, answer, (double)row["tol"]!, "out", differences);
        Assert.That(differences, Is.Empty);
    }

    /// <summary>Everything that is expected is there; further fields of the answer are its own.</summary>
    private static void Compare(JsonNode expected, JsonNode? actual, double tolerance, string path,
        List<string> differences)
    {
        switch (expected)
        {
            case JsonObject map when actual is JsonObject other:
                foreach ((string name, JsonNode? value) in map)
                {
                    Compare(value!, other[name], tolerance, $"{path}.{name}", differences);
                }

                break;
            case JsonArray list when actual is JsonArray others && others.Count == list.Count:
                for (int i = 0; i < list.Count; i++)
                {
                    Compare(list[i]!, others[i], tolerance, $"{path}[{i}]", differences);
                }

                break;
            case JsonValue number when number.GetValueKind() == JsonValueKind.Number
                && actual?.GetValueKind() == JsonValueKind.Number:
                double e = number.GetValue<double>(), a = actual.GetValue<double>();
                if (!(Math.Abs(e - a) <= tolerance * Math.Max(1, Math.Abs(e))))
                {
                    differences.Add($"{path}: expected {e:R}, found {a:R}");
                }

                break;
            default:
                differences.Add(
                    $"{path}: expected {expected.ToJsonString()}, found {actual?.ToJsonString() ?? "nothing"}");
                break;
        }
    }
}
