using System;
using System.Collections.Generic;
using System.Text.Json.Nodes;
using System.Threading;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Verify.Graders;

namespace Tbrm.Verify.Shaping;

/// <summary>A grader whose score is raised or lowered by shaping terms. Time-outs and errors are passed on as they
/// are.</summary>
public sealed class ShapedGrader(IGrader grader, IReadOnlyList<IShapingTerm> terms) : IGrader, IDisposable
{
    private static readonly Dictionary<string, Func<JsonObject?, IShapingTerm>> s_terms = new(StringComparer.Ordinal)
    {
        ["format"] = options => new FormatTerm(options),
        ["length"] = options => new LengthTerm(options),
        ["overlong"] = options => new OverlongTerm(options),
        ["repetition"] = options => new RepetitionTerm(options),
    };

    /// <inheritdoc/>
    public string Name => grader.Name;

    /// <inheritdoc/>
    public int Concurrency => grader.Concurrency;

    /// <summary>Reads a list such as <c>[{"term": "overlong", "max_resp_len": 3072, "len": 512}]</c>.</summary>
    /// <exception cref="ConfigException">The list is malformed, or there is no such term.</exception>
    public static IShapingTerm[] ReadTerms(JsonNode list)
    {
        List<IShapingTerm> terms = [];
        foreach (JsonNode? item in list as JsonArray
            ?? throw new ConfigException("grader option 'shaping': a list of objects with a \"term\" was expected"))
        {
            JsonObject options = item as JsonObject
                ?? throw new ConfigException("grader option 'shaping': an object with a \"term\" was expected");
            string name = new GraderOptions(options).Text("term") ?? "";
            terms.Add(s_terms.TryGetValue(name, out Func<JsonObject?, IShapingTerm>? create)
                ? create(options)
                : throw new ConfigException(
                    $"there is no shaping term '{name}' (all: {string.Join(", ", s_terms.Keys)})"));
        }

        return [.. terms];
    }

    /// <inheritdoc/>
    public GradeResult Grade(GradeRequest request, CancellationToken stop)
    {
        GradeResult grade = grader.Grade(request, stop);
        if (grade.IsFailure)
        {
            return grade;
        }

        double score = grade.Score;
        foreach (IShapingTerm term in terms)
        {
            score += term.Shape(request, grade);
        }

        return grade with { Score = score };
    }

    /// <summary>Disposes the grader if it needs that.</summary>
    public void Dispose() => (grader as IDisposable)?.Dispose();
}
