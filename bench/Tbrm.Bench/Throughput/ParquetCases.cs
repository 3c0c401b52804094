using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using ParquetSharp;
using Tbrm.Data.Parquet;
using Tbrm.Data.Parquet.Writing;
using Tbrm.Data.Prompts;
using Tbrm.Data.Sources;

namespace Tbrm.Bench.Throughput;

/// <summary>Reading 20,000 rows of verl's schema with prompts of about 600 characters, as rows and as
/// prompts.</summary>
internal static class ParquetCases
{
    private const int Rows = 20_000;

    public static IEnumerable<ThroughputCase> All()
    {
        string folder = Directory.CreateTempSubdirectory("tbrm-bench-").FullName;
        try
        {
            foreach (Compression codec in new[]
                { Compression.Uncompressed, Compression.Snappy, Compression.Gzip, Compression.Zstd })
            {
                foreach (ThroughputCase measured in Cases(
                    Write(folder, codec, distinct: Rows), codec.ToString().ToLowerInvariant()))
                {
                    yield return measured;
                }
            }

            foreach (ThroughputCase measured in Cases(
                Write(folder, Compression.Snappy, distinct: 200), "snappy, each prompt 100 times (dictionary)"))
            {
                yield return measured;
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static IEnumerable<ThroughputCase> Cases(string path, string name)
    {
        double megabytes = RowFile.Read(path)
            .Sum(row => row.Row["prompt"]![0]!["content"]!.GetValue<string>().Length) / 1e6;
        IReadOnlyList<(double, string)> amounts = [(Rows, "rows"), (megabytes, "MB of prompts")];
        yield return new("parquet rows", name, amounts, () => _ = RowFile.Read(path).Count());
        yield return new("parquet prompts", name, amounts,
            () => _ = new PromptReader([path], new PromptOptions()).Read().Count());
    }

    private static string Write(string folder, Compression codec, int distinct)
    {
        string path = Path.Combine(folder, $"{codec}-{distinct}.parquet");
        SchemaInference schema = new();
        List<JsonObject> rows = [.. Enumerable.Range(0, Rows).Select(i => Row(i, distinct))];
        rows.ForEach(schema.Add);
        using ParquetWriter writer =
            new(path, schema, new ParquetWriterOptions
            {
                Codec = codec,
                RowsPerGroup = 10_000,
                WriteChecksums = codec != Compression.Uncompressed
            });
        rows.ForEach(writer.Write);
        writer.Complete();
        return path;
    }

    private static JsonObject Row(int i, int distinct)
    {
        Random random = new(i % distinct);
        string[] words = ["Let", "the", "sum", "of", "all", "positive", "integers", "such", "that", "triangle", "$x^2$",
            "is", "divisible", "by", "prime", "circle", "radius", "find"];
        string problem = string.Join(
            ' ', Enumerable.Range(0, 80)
            .Select(_ => random.Next(4) == 0 ? $"${random.Next(10_000)}$" : words[random.Next(words.Length)]));
        return new()
        {
            ["data_source"] = "math_dapo",
            ["prompt"] = new JsonArray(
                new JsonObject
                {
                    ["content"] = $"Solve the following math problem step by "
                    + $"step.\n\n{problem}\n\nRemember to put your answer on its own line after \"Answer:\".",
                    ["role"] = "user"
                }),
            ["ability"] = "MATH",
            ["reward_model"] = new JsonObject
            {
                ["ground_truth"] = $"{random.Next(1000)}",
                ["style"] = "rule-lighteval/MATH_v2"
            },
            ["extra_info"] = new JsonObject { ["index"] = new Guid(i, 0, 0, new byte[8]).ToString() },
        };
    }
}
