using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Data.Parquet;
using Tbrm.Data.Parquet.Writing;

namespace Tbrm.Cli.Tests;

/// <summary>Parquet files in verl's row schema, as its preparation scripts write them: sums of two numbers.</summary>
internal static class VerlRows
{
    private const int Sum = 20;

    /// <summary>Writes problems 0 to <paramref name="rows"/> - 1.</summary>
    /// <param name="path">The file; its folder is made.</param>
    /// <param name="source">verl's data_source, which chooses the grader.</param>
    /// <param name="rows">How many.</param>
    public static void Write(string path, string source, int rows)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        List<JsonObject> all = [.. Enumerable.Range(0, rows).Select(i => Row(source, i))];
        SchemaInference schema = new();
        all.ForEach(schema.Add);
        using ParquetWriter writer = new(path, schema);
        all.ForEach(writer.Write);
        writer.Complete();
    }

    /// <summary>The question of problem <paramref name="i"/>, with the form of the answer that its grader
    /// reads.</summary>
    public static string Question(string source, int i) =>
        string.Create(CultureInfo.InvariantCulture, $"{i} + {Sum - i}? ")
        + (source == "math_dapo" ? "Remember to put your answer on its own line after \"Answer:\"."
            : "Let's think step by step and output the final answer after \"####\".");

    /// <summary>How a response to it ends, before the answer.</summary>
    public static string Ending(string source) => source == "math_dapo" ? "Answer: " : "#### ";

    /// <summary>The answer to all of them.</summary>
    public static string Answer => Sum.ToString(CultureInfo.InvariantCulture);

    private static JsonObject Row(string source, int i) => new()
    {
        ["data_source"] = source,
        ["prompt"] = new JsonArray(new JsonObject { ["content"] = Question(source, i), ["role"] = "user" }),
        ["ability"] = "math",
        ["reward_model"] = new JsonObject { ["ground_truth"] = Answer, ["style"] = "rule" },
        ["extra_info"] = new JsonObject { ["index"] = i, ["split"] = "train" },
    };
}
