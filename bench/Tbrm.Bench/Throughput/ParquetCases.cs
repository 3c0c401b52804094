using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using System.Threading.Tasks;
using Tbrm.Data.Parquet;
using Tbrm.Data.Parquet.Metadata;
using Tbrm.Data.Parquet.Writing;
using Tbrm.Data.Prompts;
using Tbrm.Data.Sources;
using Tbrm.Fuzz.Mutation;

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
            foreach (ParquetCodec codec in new[] { ParquetCodec.Uncompressed, ParquetCodec.Snappy, ParquetCodec.Gzip })
            {
                foreach (ThroughputCase measured in Cases(
                    Write(folder, codec, distinct: Rows), codec.ToString().ToLowerInvariant()))
                {
                    yield return measured;
                }
            }

            foreach (ThroughputCase measured in Cases(Zstd(Write(folder, ParquetCodec.Uncompressed, Rows)), "zstd -3"))
            {
                yield return measured;
            }

            foreach (ThroughputCase measured in Cases(
                Write(folder, ParquetCodec.Snappy, distinct: 200), "snappy, each prompt 100 times (dictionary)"))
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

    private static string Write(string folder, ParquetCodec codec, int distinct)
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
                WriteChecksums = codec != ParquetCodec.Uncompressed
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
                new JsonObject { ["content"] = $"Solve the following math problem step by step.\n\n{problem}\n\nRemember to put your answer on its own line after \"Answer:\".", ["role"] = "user" }),
            ["ability"] = "MATH",
            ["reward_model"] = new JsonObject
            {
                ["ground_truth"] = $"{random.Next(1000)}",
                ["style"] = "rule-lighteval/MATH_v2"
            },
            ["extra_info"] = new JsonObject { ["index"] = new Guid(i, 0, 0, new byte[8]).ToString() },
        };
    }

    /// <summary>The file with every page packed by the program zstd: .NET brings no encoder.</summary>
    private static string Zstd(string path)
    {
        const int PageCodec = 4, Metadata = 3, Columns = 1, RowGroups = 4, Codec = (int)ParquetCodec.Zstd;
        ParquetParts parts = ParquetParts.Read(File.ReadAllBytes(path));
        foreach (ThriftValue chunk in parts.Footer[RowGroups]!.Items.SelectMany(group => group.Value[Columns]!.Items)
            .Select(item => item.Value[Metadata]!))
        {
            chunk.Set(PageCodec, Codec);
        }

        foreach (ParquetParts.Page page in parts.Chunks.SelectMany(pages => pages))
        {
            page.Payload = Pack(page.Payload);
        }

        string packed = path + ".zstd";
        File.WriteAllBytes(packed, parts.ToArray(fitSizes: true, null));
        return packed;
    }

    private static byte[] Pack(byte[] bytes)
    {
        using Process zstd =
            Process.Start(new ProcessStartInfo(
            "zstd", "-q -c -3")
            { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        Task feed = Task.Run(() =>
        {
            zstd.StandardInput.BaseStream.Write(bytes);
            zstd.StandardInput.Close();
        });
        using MemoryStream packed = new();
        zstd.StandardOutput.BaseStream.CopyTo(packed);
        feed.Wait();
        zstd.WaitForExit();
        return packed.ToArray();
    }
}
