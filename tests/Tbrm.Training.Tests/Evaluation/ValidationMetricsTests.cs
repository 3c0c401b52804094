using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;
using Tbrm.Testing;
using Tbrm.Training.Evaluation;

namespace Tbrm.Training.Tests.Evaluation;

/// <summary>Against verl's own <c>process_validation_metrics</c> (b178a3c, numpy 1.24.2), every number to the last
/// bit.</summary>
public sealed class ValidationMetricsTests
{
    [Test]
    public void Every_metric_is_verls()
    {
        int numbers = 0;
        foreach (string line in File.ReadLines(
            Repository.PathOf("tests", "Tbrm.Training.Tests", "Golden", "verl_validation.jsonl")))
        {
            JsonNode row = JsonNode.Parse(line)!;
            EvaluationReport report = EvaluationReport.Of(Responses(row));
            foreach ((string source, JsonNode? metrics) in (JsonObject)row["expected"]!)
            {
                Dictionary<string, double> found = new(report.Sources.Single(s => s.Source == source).Variables["acc"]);
                foreach ((string name, JsonNode? value) in (JsonObject)metrics!)
                {
                    Assert.That(found[name], Is.EqualTo((double)value!), $"{(string)row["name"]!}: {source} {name}");
                    numbers++;
                }

                Assert.That(found, Has.Count.EqualTo(((JsonObject)metrics).Count), "no metric that verl has not");
            }
        }

        Assert.That(numbers, Is.GreaterThan(400));
    }

    [Test]
    public void Names_say_what_is_core_as_verl_does()
    {
        ResponseScore[] responses =
            [.. Enumerable.Range(0, 4)
            .Select(i => new ResponseScore("aime24", "p", i % 2, $"{i % 2}", GradeStatus.Ok, 10,
            TrajectoryEnd.Stop))];
        IReadOnlyList<string> names = EvaluationReport.Of(responses).ToMetrics().Names;
        Assert.That(names, Is.SupersetOf(new[]
        {
            "val-core/aime24/acc/mean@4", "val-core/aime24/acc/best@4/mean", "val-core/aime24/acc/best@4/std",
                "val-core/aime24/acc/maj@4/mean",
            "val-aux/aime24/acc/std@4", "val-aux/aime24/acc/best@2/mean", "val-aux/aime24/acc/worst@4/mean",
                "val-aux/aime24/reward/mean@4",
            "val-aux/aime24/pass@4",
        }));
        Assert.That(names.Where(n => n.StartsWith("val-core/", StringComparison.Ordinal)), Has.All.Contains("@4"));
    }

    [Test]
    public void Partial_credit_counts_in_the_mean_and_not_as_solved()
    {
        EvaluationReport report = EvaluationReport.Of(
        [
            new("a", "1", 1, "x", GradeStatus.Ok, null, null), new("a", "2", 0.25, "x", GradeStatus.Ok, null, null),
            new("b", "1", 1, "x", GradeStatus.Ok, null, null), new("b", "2", 0.75, "x", GradeStatus.Ok, null, null),
        ]);
        Assert.That((report.MicroMean, report.MicroSolved), Is.EqualTo((0.75, 0.5)));
    }

    [Test]
    public void Sources_are_averaged_once_each_and_by_their_size()
    {
        ResponseScore[] responses =
        [
            new("a", "1", 1, "x", GradeStatus.Ok, null, null), new("b", "1", 0, "x", GradeStatus.Ok, null, null),
            new("b", "2", 0, null, GradeStatus.NoAnswer, null, null),
                new("b", "3", -1, null, GradeStatus.Timeout, null, null),
        ];
        EvaluationReport report = EvaluationReport.Of(responses);
        Assert.That((report.MacroMean, report.MicroMean), Is.EqualTo((0.5, 0.25)));
        Assert.That(report.Sources[1].Ungraded, Is.EqualTo((1, 1, 0)));
        Assert.That(report.ToMetrics()["val-aux/b/reward/mean@1"], Is.EqualTo(-1.0 / 3).Within(1e-15),
            "the grader's own scale is kept beside");
    }

    private static List<ResponseScore> Responses(JsonNode row)
    {
        JsonArray sources = (JsonArray)row["source"]!, problems = (JsonArray)row["problem"]!,
            scores = (JsonArray)row["acc"]!, answers = (JsonArray)row["pred"]!;
        return [.. sources.Select((source, i) => new ResponseScore(
            (string)source!, (string)problems[i]!, (double)scores[i]!, (string)answers[i]!, GradeStatus.Ok, null,
                null))];
    }
}
