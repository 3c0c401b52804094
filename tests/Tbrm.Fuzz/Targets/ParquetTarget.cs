using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Data.Parquet;
using Tbrm.Data.Parquet.Metadata;
using Tbrm.Data.Parquet.Schema;
using Tbrm.Data.Parquet.Writing;
using Tbrm.Data.Prompts;
using Tbrm.Fuzz.Mutation;

namespace Tbrm.Fuzz.Targets;

/// <summary>Parquet files: the schema, the rows, the prompts.</summary>
internal sealed class ParquetTarget : IFuzzTarget
{
    private static readonly ParquetCodec[] s_codecs =
        [ParquetCodec.Uncompressed, ParquetCodec.Snappy, ParquetCodec.Gzip, ParquetCodec.Brotli];

    private static readonly PageEncoding[] s_encodings =
    [
        PageEncoding.Plain, PageEncoding.DeltaBinaryPacked, PageEncoding.DeltaLengthByteArray,
            PageEncoding.DeltaByteArray, PageEncoding.ByteStreamSplit,
    ];

    private readonly List<byte[]> _files = [];
    private readonly List<ParquetParts> _parts = [];
    private readonly TemporaryInput _input = new("input.parquet");

    /// <summary>Writes the small files that are damaged.</summary>
    public ParquetTarget()
    {
        Random random = new(7);
        foreach (ParquetCodec codec in s_codecs)
        {
            foreach (int version in new[] { 1, 2 })
            {
                Add(new ParquetWriterOptions
                {
                    Codec = codec,
                    PageVersion = version,
                    UseDictionary = true,
                    WriteChecksums = false,
                    RowsPerPage = 5,
                    RowsPerGroup = 9
                }, random);
                Add(
                    new ParquetWriterOptions
                    {
                        Codec = codec,
                        PageVersion = version,
                        UseDictionary = false,
                        Encoding = s_encodings[random.Next(s_encodings.Length)],
                        WriteChecksums = false,
                        RowsPerPage = 7,
                    },
                    random);
            }
        }

        foreach (PageEncoding encoding in s_encodings)
        {
            Add(new ParquetWriterOptions
            {
                Codec = ParquetCodec.Uncompressed,
                PageVersion = 2,
                UseDictionary = false,
                Encoding = encoding,
                WriteChecksums = false
            }, random);
        }
    }

    /// <inheritdoc/>
    public string Name => "parquet";

    /// <inheritdoc/>
    public long AllocationLimit => 512L << 20;

    /// <inheritdoc/>
    public byte[] Create(Random random)
    {
        int seed = random.Next(_files.Count);
        byte[] other = _files[random.Next(_files.Count)];
        if (random.Next(5) == 0)
        {
            return ByteMutation.Mutate(_files[seed], other, random);
        }

        ParquetParts parts = _parts[seed].Clone();
        List<ParquetParts.Page> pages = [.. parts.Chunks.SelectMany(chunk => chunk)];
        byte[]? footer = null;
        switch (random.Next(6))
        {
            case 0 or 1:
                ThriftMutation.Mutate(parts.Footer, random);
                break;
            case 2:
                footer = ByteMutation.Mutate(parts.Footer.ToArray(), other, random);
                break;
            case 3:
                ThriftMutation.Mutate(pages[random.Next(pages.Count)].Header, random);
                break;
            case 4:
                ParquetParts.Page damaged = pages[random.Next(pages.Count)];
                damaged.Payload = ByteMutation.Mutate(damaged.Payload, pages[random.Next(pages.Count)].Payload, random);
                break;
            default:
                ParquetParts.Page both = pages[random.Next(pages.Count)];
                both.Payload = ByteMutation.Mutate(both.Payload, other, 0, 16, random);
                ThriftMutation.Mutate(both.Header, random);
                break;
        }

        return parts.ToArray(fitSizes: random.Next(4) > 0, footer);
    }

    /// <inheritdoc/>
    public bool Run(byte[] input)
    {
        string path = _input.Write(input);
        bool accepted = true;
        foreach (Action read in new Action[] { () => ReadAll(path),
            () => _ = new PromptReader([path], new PromptOptions()).Read().Take(10_000).Count() })
        {
            try
            {
                read();
            }
            catch (DataException)
            {
                accepted = false;
            }
        }

        return accepted;
    }

    private static void ReadAll(string path)
    {
        const int MostRows = 100_000;
        using ParquetFile file = ParquetFile.Open(path);
        _ = file.DescribeSchema();
        foreach (JsonObject row in file.ReadRows().Take(MostRows))
        {
            _ = row.Count;
        }
    }

    private void Add(ParquetWriterOptions options, Random random)
    {
        string path = Path.Combine(Path.GetTempPath(), "seed.parquet");
        List<JsonObject> rows = [.. Enumerable.Range(0, 20).Select(i => Row(i, random))];
        SchemaNode schema = Schema();
        using (ParquetWriter writer = new(path, schema, options))
        {
            rows.ForEach(writer.Write);
            writer.Complete();
        }

        byte[] file = File.ReadAllBytes(path);
        _files.Add(file);
        _parts.Add(ParquetParts.Read(file));
        File.Delete(path);
    }

    private static JsonObject Row(int i, Random random) => new()
    {
        ["data_source"] = random.Next(2) == 0 ? "math_dapo" : "openai/gsm8k",
        ["prompt"] = new JsonArray(new JsonObject { ["content"] = HostileText.Piece(random) + "?", ["role"] = "user" }),
        ["reward_model"] = new JsonObject
        {
            ["ground_truth"] = random.Next(100)
            .ToString(System.Globalization.CultureInfo.InvariantCulture),
            ["style"] = "rule"
        },
        ["index"] = random.Next(4) == 0 ? null : i * 1_000_003L,
        ["flag"] = i % 3 == 0,
        ["small"] = random.Next(5),
        ["single"] = 0.5,
        ["real"] = random.Next(6) == 0 ? null : random.NextDouble(),
        ["fixed"] = Convert.ToBase64String(new byte[5]),
        ["lists"] = random.Next(5) == 0 ? null : new JsonArray(new JsonArray(1L, null), new JsonArray(), null),
    };

    private static SchemaNode Schema()
    {
        SchemaElement Leaf(string name, PhysicalType type, LogicalKind kind = LogicalKind.None,
            Repetition repetition = Repetition.Optional, int length = 0) =>
            new(name, type, length, repetition, 0, new LogicalType(kind));
        SchemaElement Group(string name, int children, LogicalKind kind = LogicalKind.None,
            Repetition repetition = Repetition.Optional) =>
            new(name, null, 0, repetition, children, new LogicalType(kind));

        return SchemaTree.Build(
        [
            Group("schema", 10, repetition: Repetition.Required),
            Leaf("data_source", PhysicalType.ByteArray, LogicalKind.String),
            Group("prompt", 1, LogicalKind.List),
            Group("list", 1, repetition: Repetition.Repeated),
            Group("element", 2),
            Leaf("content", PhysicalType.ByteArray, LogicalKind.String),
            Leaf("role", PhysicalType.ByteArray, LogicalKind.String),
            Group("reward_model", 2),
            Leaf("ground_truth", PhysicalType.ByteArray, LogicalKind.String),
            Leaf("style", PhysicalType.ByteArray, LogicalKind.String),
            Leaf("index", PhysicalType.Int64),
            Leaf("flag", PhysicalType.Boolean, repetition: Repetition.Required),
            Leaf("small", PhysicalType.Int32),
            Leaf("single", PhysicalType.Float),
            Leaf("real", PhysicalType.Double),
            Leaf("fixed", PhysicalType.FixedLenByteArray, length: 5),
            Group("lists", 1, LogicalKind.List),
            Group("list", 1, repetition: Repetition.Repeated),
            Group("element", 1, LogicalKind.List),
            Group("list", 1, repetition: Repetition.Repeated),
            Leaf("element", PhysicalType.Int64),
        ]);
    }
}
