using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Rewards;
using Tbrm.Testing;

namespace Tbrm.Verify.Tests;

/// <summary>Cases with the grade of the reference program: rows as <c>score</c> reads them, plus
/// <c>expected</c>.</summary>
internal static class GoldenVectors
{
    public static List<(GradeRequest Request, double Expected)> Read(string name)
    {
        List<(GradeRequest Request, double Expected)> cases = [];
        foreach (string line in File.ReadLines(Repository.PathOf("tests", "Tbrm.Verify.Tests", "Golden", name)))
        {
            JsonObject row = JsonNode.Parse(line)!.AsObject();
            string solution = row["solution_str"]!.GetValue<string>();
            string groundTruth = row["ground_truth"]!.GetValue<string>();
            cases.Add((new GradeRequest("", solution, groundTruth, row), row["expected"]!.GetValue<double>()));
        }

        return cases;
    }

    /// <summary>Fails unless the grader's score is the expected one in every case.</summary>
    public static void AssertAllAgree(IGrader grader, string name)
    {
        List<(GradeRequest Request, double Expected)> cases = Read(name);
        GradeResult[] grades = new RewardManager(grader).Grade([.. cases.Select(c => c.Request)]);
        string[] wrong = [.. cases.Zip(grades).Where(p => p.First.Expected != p.Second.Score).Select(p =>
            $"expected {p.First.Expected}, found {p.Second.Score} ({p.Second.Status} {p.Second.Detail}) for gold "
                + $"{p.First.Request.GroundTruth} and {p.First.Request.Solution}")];
        Assert.That(cases, Is.Not.Empty);
        Assert.That(wrong, Is.Empty, $"{wrong.Length} of {cases.Count} disagree");
    }
}
