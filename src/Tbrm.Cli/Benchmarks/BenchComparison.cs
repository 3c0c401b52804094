using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Cli.Benchmarks;

/// <summary>An older measurement beside a newer one of the same case.</summary>
/// <param name="Key">Name and type.</param>
/// <param name="Ratio">Old median over new median: above 1 is faster now.</param>
/// <param name="Low">The least that the quartiles of both let one expect.</param>
/// <param name="High">The most.</param>
internal sealed record BenchRatio(string Key, double Ratio, double Low, double High)
{
    /// <summary>faster or slower where the quartiles of the two lie apart; else the same.</summary>
    public string Change => Low > 1 ? "faster" : High < 1 ? "slower" : "same within noise";
}

/// <summary>Two reports of the same cases.</summary>
internal sealed record BenchComparison(IReadOnlyList<BenchRatio> Ratios, IReadOnlyList<string> Warnings)
{
    /// <summary>What must be the same of two machines whose times are compared.</summary>
    private static readonly string[] s_machine = ["cpu", "device", "isa", "threads"];

    /// <summary>Compares what both have.</summary>
    /// <param name="old">From the file <paramref name="path"/>.</param>
    /// <param name="now">Just measured.</param>
    /// <param name="path">For messages.</param>
    /// <exception cref="DataException">The file is of another group, of other shapes, or has no case in
    /// common.</exception>
    public static BenchComparison Of(BenchReport old, BenchReport now, string path)
    {
        if (old.Group != now.Group)
        {
            throw new DataException($"--compare {path}: it holds bench {old.Group}, and this is bench {now.Group}");
        }

        Dictionary<string, BenchResult> before = old.Results.ToDictionary(r => r.Key);
        List<BenchRatio> ratios = [];
        foreach (BenchResult result in now.Results.Where(r => before.ContainsKey(r.Key)))
        {
            BenchResult other = before[result.Key];
            if (other.Shape != result.Shape)
            {
                throw new DataException(
                    $"--compare {path}: {result.Key} was measured on \"{other.Shape}\" there and on \"{result.Shape}\" "
                    + "here; times of different shapes are not compared");
            }

            ratios.Add(new(result.Key, other.Times.Median / result.Times.Median,
                other.Times.LowerQuartile / result.Times.UpperQuartile,
                other.Times.UpperQuartile / result.Times.LowerQuartile));
        }

        return ratios.Count == 0
            ? throw new DataException($"--compare {path}: none of its {old.Results.Count} cases was measured here")
            : new(ratios, [.. Machines(old.Machine, now.Machine), .. Missing(old, now, path)]);
    }

    /// <summary>For terminals.</summary>
    public string Table() => PlainTable.Of(["", "old / new", "spread", ""],
        [.. Ratios.Select(r =>
            (IReadOnlyList<string>)[r.Key, Two(r.Ratio), $"{Two(r.Low)} to {Two(r.High)}", r.Change])]);

    /// <summary>For programs.</summary>
    public JsonArray ToJson() => [.. Ratios.Select(r => (JsonNode)new JsonObject
    {
        ["name"] = r.Key,
        ["ratio"] = r.Ratio,
        ["low"] = r.Low,
        ["high"] = r.High,
        ["change"] = r.Change,
    })];

    private static IEnumerable<string> Machines(JsonObject old, JsonObject now) => s_machine
        .Where(key => old[key] is { } then && then.ToJsonString() != now[key]?.ToJsonString())
        .Select(key => $"{key} differs: {old[key]} there, {now[key]} here; the ratios say that, too");

    private static IEnumerable<string> Missing(BenchReport old, BenchReport now, string path)
    {
        string[] gone = [.. old.Results.Select(r => r.Key).Except(now.Results.Select(r => r.Key))];
        string[] added = [.. now.Results.Select(r => r.Key).Except(old.Results.Select(r => r.Key))];
        if (gone.Length > 0)
        {
            yield return $"only in {path}: {string.Join(", ", gone)}";
        }

        if (added.Length > 0)
        {
            yield return $"not in {path}: {string.Join(", ", added)}";
        }
    }

    private static string Two(double value) => value.ToString("f2", CultureInfo.InvariantCulture);
}
