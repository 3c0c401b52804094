using System;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tbrm.Core.Prompts;

namespace Tbrm.Data.Prompts;

/// <summary>
/// Finds out which benchmark a file is. Its name and its folder's say so in most collections; the rows of some; and in
/// the layouts of the hub
/// (<c>aime_2024/data/train-00000-of-00001.parquet</c>, <c>owner/name/default/...</c>) a folder further up.
/// </summary>
internal static partial class BenchmarkSource
{
    private static readonly string[] s_columns =
        ["dataset", "dataset_name", "benchmark", "source", "subset", "url", "link"];

    /// <summary>What the file's name or its folder's says.</summary>
    public static string? OfName(string path) => Parts(path).Take(2).Select(BenchmarkNames.Find)
        .FirstOrDefault(name => name is not null);

    /// <summary>What a folder further up says, the nearest first.</summary>
    public static string? OfFolders(string path) => Parts(path).Skip(2).Select(BenchmarkNames.Find)
        .FirstOrDefault(name => name is not null);

    /// <summary>What the row's own columns say: a source, the address of a problem, the numbering of AIME.</summary>
    public static string? OfRow(JsonObject row)
    {
        foreach (string column in s_columns)
        {
            if (TextOf(row, column) is { } text && OfText(text) is { } name)
            {
                return name;
            }
        }

        if ((TextOf(row, "id") ?? TextOf(row, "ID")) is { } id && AimeNumber().Match(id) is { Success: true } number)
        {
            return OfText("aime" + number.Groups[1].Value);
        }

        // The rows of prm800k's test split, which is MATH-500.
        return TextOf(row, "unique_id") is { } unique && unique.StartsWith("test/", StringComparison.Ordinal)
            && row["subject"] is not null ? "math500" : null;
    }

    /// <summary>An address names year and contest the other way round: <c>2024_AIME_I_Problems</c>.</summary>
    private static string? OfText(string text) => Contest().Match(text) is { Success: true } contest
        ? BenchmarkNames.Find(contest.Groups[2].Value + contest.Groups[1].Value)
        : BenchmarkNames.Find(text);

    private static string? TextOf(JsonObject row, string column) => row[column] is JsonValue value
        && value.TryGetValue(out string? text) ? text : null;

    private static string[] Parts(string path)
    {
        string[] parts = Path.GetFullPath(path).Split(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar);
        Array.Reverse(parts);
        return parts;
    }

    [GeneratedRegex("(20[0-9]{2})_(AIME|AMC)", RegexOptions.CultureInvariant)]
    private static partial Regex Contest();

    [GeneratedRegex("^((?:19|20)[0-9]{2})-I{1,2}-[0-9]{1,2}$", RegexOptions.CultureInvariant)]
    private static partial Regex AimeNumber();
}
