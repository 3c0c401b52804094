using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Cli.Benchmarks;

/// <summary>Seconds of a run over all repetitions.</summary>
internal sealed record BenchTimes(double Median, double Min, double LowerQuartile, double UpperQuartile, int Samples)
{
    /// <summary>Quartiles by linear interpolation between the sorted samples.</summary>
    public static BenchTimes Of(IReadOnlyList<double> samples)
    {
        double[] sorted = [.. samples.Order()];
        double At(double share)
        {
            double place = share * (sorted.Length - 1);
            int below = (int)place;
            return sorted[below] + ((sorted[System.Math.Min(below + 1, sorted.Length - 1)] - sorted[below])
                * (place - below));
        }

        return new(At(0.5), sorted[0], At(0.25), At(0.75), sorted.Length);
    }
}

/// <summary>A case as it was measured.</summary>
/// <param name="Key">Name and type.</param>
/// <param name="Shape">Of the inputs.</param>
/// <param name="Times">Seconds of a run.</param>
/// <param name="Work">What a run does.</param>
/// <param name="FloorSeconds">What the slower of its multiply-adds and its bytes takes at the measured peaks; null
/// where there is no such floor.</param>
/// <param name="ErrorShare">Largest error as a share of what is allowed; null for another program, which is not
/// checked.</param>
internal sealed record BenchResult(string Key, string Shape, BenchTimes Times, BenchWork Work, double? FloorSeconds,
    double? ErrorShare)
{
    /// <summary>Share of the floor that the median reaches.</summary>
    public double? OfFloor => FloorSeconds / Times.Median;

    /// <summary>As a row of the report.</summary>
    public JsonObject ToJson() => new()
    {
        ["name"] = Key,
        ["shape"] = Shape,
        ["median_s"] = Times.Median,
        ["min_s"] = Times.Min,
        ["q1_s"] = Times.LowerQuartile,
        ["q3_s"] = Times.UpperQuartile,
        ["samples"] = Times.Samples,
        ["amount"] = Work.Amount,
        ["unit"] = Work.Unit,
        ["amount_per_s"] = Work.Amount / Times.Median,
        ["flops"] = Work.Flops,
        ["bytes"] = Work.Bytes,
        ["floor_s"] = FloorSeconds,
        ["of_floor"] = OfFloor,
        ["error_share"] = ErrorShare,
    };

    /// <summary>What <see cref="ToJson"/> wrote.</summary>
    public static BenchResult FromJson(JsonNode row, string path)
    {
        double Number(string key) => row[key] is JsonValue value && value.TryGetValue(out double number) ? number
            : throw new DataException(
                $"{path}: a result without the number \"{key}\"; expected what bench --json wrote");
        string Word(string key) => row[key] is JsonValue value && value.TryGetValue(out string? word) ? word
            : throw new DataException($"{path}: a result without the text \"{key}\"; expected what bench --json wrote");
        return new(Word("name"), Word("shape"),
            new(Number("median_s"), Number("min_s"), Number("q1_s"), Number("q3_s"), (int)Number("samples")),
            new(Number("amount"), Word("unit"), Number("flops"), Number("bytes")),
            row["floor_s"] is null ? null : Number("floor_s"),
            row["error_share"] is null ? null : Number("error_share"));
    }
}
