using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Cli.Benchmarks;

/// <summary>What <c>bench</c> measured, and where.</summary>
/// <param name="Group">kernels, decode, step, text or grader.</param>
/// <param name="Machine">See <see cref="MachineDescription"/>.</param>
/// <param name="Results">In the order in which they were measured.</param>
internal sealed record BenchReport(string Group, JsonObject Machine, IReadOnlyList<BenchResult> Results)
{
    /// <summary>Of the file's form; another one is refused.</summary>
    public const string Format = "tbrm-native bench 1";

    private static readonly JsonSerializerOptions s_indented = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>As one object.</summary>
    public JsonObject ToJson() => new()
    {
        ["format"] = Format,
        ["group"] = Group,
        ["machine"] = Machine.DeepClone(),
        ["results"] = new JsonArray([.. Results.Select(r => (JsonNode)r.ToJson())]),
    };

    /// <summary>The object as a file holds it: indented.</summary>
    public static string Text(JsonObject report) => report.ToJsonString(s_indented);

    /// <summary>Reads a file that <c>bench --json</c> wrote.</summary>
    /// <exception cref="DataException">It is not one.</exception>
    public static BenchReport Read(string path)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(path)) is JsonObject root && (string?)root["format"] == Format
                && root["machine"] is JsonObject machine && root["results"] is JsonArray results
                ? new((string?)root["group"] ?? "", machine, [.. results.Select(r => BenchResult.FromJson(r!, path))])
                : throw new DataException(
                    $"{path}: expected a file with \"format\": \"{Format}\", as bench --json writes it");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException
            or InvalidOperationException)
        {
            throw new DataException($"{path}: cannot be read as what bench --json wrote: {e.Message}", e);
        }
    }

    /// <summary>For terminals.</summary>
    public string Table() => PlainTable.Of(
        ["", "shape", "median", "quartiles", "min", "rate", "of floor", "of error"],
        [.. Results.Select(r => (IReadOnlyList<string>)
        [
            r.Key, r.Shape, Time(r.Times.Median), $"{Time(r.Times.LowerQuartile)} to {Time(r.Times.UpperQuartile)}",
            Time(r.Times.Min), $"{Number(r.Work.Amount / r.Times.Median)} {r.Work.Unit}/s",
            r.OfFloor is { } share ? Percent(share) : "-", r.ErrorShare is { } error ? Percent(error) : "-",
        ])]);

    /// <summary>Seconds in the unit that suits them.</summary>
    public static string Time(double seconds) => seconds >= 1 ? Number(seconds) + " s"
        : seconds >= 1e-3 ? Number(seconds * 1e3) + " ms" : Number(seconds * 1e6) + " us";

    /// <summary>Three digits.</summary>
    public static string Number(double value) => value >= 100 ? value.ToString("f0", CultureInfo.InvariantCulture)
        : value >= 10 ? value.ToString("f1", CultureInfo.InvariantCulture)
        : value.ToString("f2", CultureInfo.InvariantCulture);

    private static string Percent(double share) => share.ToString("0 %", CultureInfo.InvariantCulture);
}
