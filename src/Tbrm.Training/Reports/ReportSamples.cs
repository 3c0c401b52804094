using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Reports;

/// <summary>A response with its score.</summary>
internal sealed record SampledResponse(string Text, double Score, string Finish);

/// <summary>A problem with the responses of two moments; either may be missing.</summary>
internal sealed record ReportSample(string Input, string Expected, SampledResponse? Before, SampledResponse? After);

/// <summary>Problems of a run with the first and the newest response: what improved first, then what got worse, then
/// what stayed.</summary>
internal sealed record ReportSamples(string Source, long FirstStep, long LastStep, IReadOnlyList<ReportSample> Samples)
{
    private const int MostSamples = 12;

    /// <summary>Rows read of a dump: enough to choose from, little enough for any run.</summary>
    private const int MostRows = 4096;

    /// <summary>Of held-out problems, and of the training's own; those that the folder has.</summary>
    public static IReadOnlyList<ReportSamples> Read(RunFolder folder) =>
        [.. new[] { Compare(folder, "validation"), Compare(folder, "rollouts") }.OfType<ReportSamples>()];

    /// <summary>The newest dump of a folder by problem; of several responses to one the first.</summary>
    public static IReadOnlyDictionary<string, Row> Newest(RunFolder folder, string kind)
    {
        string path = Path.Combine(folder.Root, kind);
        long[] steps = StepsOf(path);
        return steps.Length == 0 ? new Dictionary<string, Row>()
            : Rows(Path.Combine(path, steps[^1].ToString(CultureInfo.InvariantCulture) + ".jsonl"));
    }

    /// <summary>Steps that a folder has dumps of, ascending.</summary>
    public static long[] StepsOf(string path) =>
        [.. (Directory.Exists(path) ? Directory.EnumerateFiles(path, "*.jsonl") : [])
        .Select(f => long.TryParse(Path.GetFileNameWithoutExtension(f), NumberStyles.None, CultureInfo.InvariantCulture,
            out long step) ? step : -1)
        .Where(s => s >= 0).Order()];

    private static ReportSamples? Compare(RunFolder folder, string kind)
    {
        string path = Path.Combine(folder.Root, kind);
        long[] steps = StepsOf(path);
        if (steps.Length == 0)
        {
            return null;
        }

        Dictionary<string, Row> after = Rows(Dump(steps[^1]));
        Dictionary<string, Row> before = steps.Length > 1 ? Rows(Dump(steps[0])) : [];
        List<ReportSample> both = [.. after.Where(p => before.ContainsKey(p.Key))
            .Select(p => new ReportSample(p.Value.Input, p.Value.Expected, before[p.Key].Response, p.Value.Response))];
        List<ReportSample> chosen = both.Count > 0 ? Choose(both)
            // Training steps see other problems each time: some of the first, some of the newest.
            : [.. before.Values.Take(MostSamples / 2)
                .Select(r => new ReportSample(r.Input, r.Expected, r.Response, null)),
                .. after.Values.Take(MostSamples / 2)
                    .Select(r => new ReportSample(r.Input, r.Expected, null, r.Response))];
        return chosen.Count == 0 ? null : new(kind, steps[0], steps[^1], chosen);

        string Dump(long step) => Path.Combine(path, step.ToString(CultureInfo.InvariantCulture) + ".jsonl");
    }

    private static List<ReportSample> Choose(List<ReportSample> all)
    {
        double Gain(ReportSample s) => s.After!.Score - s.Before!.Score;
        List<ReportSample> better = [.. all.Where(s => Gain(s) > 0)], worse = [.. all.Where(s => Gain(s) < 0)];
        List<ReportSample> failing = [.. all.Where(s => Gain(s) == 0 && s.After!.Score <= 0)],
            passing = [.. all.Where(s => Gain(s) == 0 && s.After!.Score > 0)];
        List<ReportSample> chosen = [.. better.Take(5), .. worse.Take(2), .. failing.Take(3), .. passing.Take(2)];
        return [.. chosen, .. all.Except(chosen, ReferenceEqualityComparer.Instance).Cast<ReportSample>()
            .Take(Math.Max(0, MostSamples - chosen.Count))];
    }

    private static Dictionary<string, Row> Rows(string path)
    {
        Dictionary<string, Row> rows = new(StringComparer.Ordinal);
        foreach (string line in File.ReadLines(path).Take(MostRows))
        {
            try
            {
                using JsonDocument json = JsonDocument.Parse(line);
                JsonElement row = json.RootElement;
                if (row.ValueKind == JsonValueKind.Object)
                {
                    string input = Text(row, "input");
                    // The first of several responses to the same problem.
                    rows.TryAdd($"{Text(row, "data_source")}\n{Text(row, "index")}\n{input}",
                        new(input, Text(row, "gts"),
                            new(Text(row, "output"), Number(row, "score"), Text(row, "finish"))));
                }
            }
            catch (JsonException)
            {
                // A damaged line costs its own sample only.
            }
        }

        return rows;
    }

    /// <summary>A member as text; empty for none.</summary>
    public static string Text(JsonElement row, string key) => !row.TryGetProperty(key, out JsonElement value) ? ""
        : value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!,
            JsonValueKind.Null => "",
            _ => value.GetRawText(),
        };

    private static double Number(JsonElement row, string key) =>
        row.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble()
            : double.NaN;

    /// <summary>A problem with a response.</summary>
    internal sealed record Row(string Input, string Expected, SampledResponse Response);
}
