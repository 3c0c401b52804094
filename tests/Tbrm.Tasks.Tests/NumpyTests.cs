using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Tasks.Python;
using Tbrm.Testing;

namespace Tbrm.Tasks.Tests;

/// <summary>Against numpy 1.24.2: <c>seed</c> with <c>choice</c>, and <c>sum</c>, <c>mean</c>, <c>std</c> of float64
/// arrays, to the last bit.</summary>
[TestFixture]
public sealed class NumpyTests
{
    [Test]
    public void Choices_are_numpys_legacy_stream()
    {
        JsonArray cases = (JsonArray)JsonNode.Parse(File.ReadAllText(PathOf("numpy_choice.json")))!;
        Assert.That(cases, Has.Count.EqualTo(40));
        foreach (JsonNode? row in cases)
        {
            int[] expected = [.. ((JsonArray)row!["drawn"]!).Select(n => (int)n!)];
            Assert.That(new NumpyRandom((uint)row["seed"]!).Choice((int)row["population"]!, expected.Length),
                Is.EqualTo(expected), row.ToJsonString());
        }
    }

    [Test]
    public void Sums_are_made_in_numpys_order()
    {
        int count = 0;
        foreach (string line in File.ReadLines(PathOf("numpy_statistics.jsonl")))
        {
            JsonNode row = JsonNode.Parse(line)!;
            double[] values = [.. ((JsonArray)row["values"]!).Select(v => (double)v!)];
            Assert.That(NumpyStatistics.Sum(values), Is.EqualTo((double)row["sum"]!), $"sum of {values.Length}");
            Assert.That(NumpyStatistics.Mean(values), Is.EqualTo((double)row["mean"]!), $"mean of {values.Length}");
            Assert.That(NumpyStatistics.StandardDeviation(values), Is.EqualTo((double)row["std"]!),
                $"std of {values.Length}");
            count++;
        }

        Assert.That(count, Is.EqualTo(18));
    }

    private static string PathOf(string file) => Repository.PathOf("tests", "Tbrm.Tasks.Tests", "Golden", file);
}
