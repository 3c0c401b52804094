using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using ParquetSharp;
using ParquetSharp.Schema;
using Tbrm.Core.Errors;
using Tbrm.Data.Parquet;
using Tbrm.Data.Parquet.Writing;
using Tbrm.Data.Prompts;
using Tbrm.Fuzz.Mutation;
using Tbrm.Testing.Parquet;

namespace Tbrm.Fuzz.Targets;

/// <summary>Parquet files: the schema, the rows, the prompts.</summary>
internal sealed class ParquetTarget : IFuzzTarget
{
    /// <summary>Bytes that the process may have in memory, native ones included; the worker has about a tenth of
    /// that.</summary>
    private const long MemoryLimit = 2L << 30;

    private static readonly Compression[] s_codecs =
    [
        Compression.Uncompressed, Compression.Snappy, Compression.Gzip, Compression.Brotli, Compression.Zstd,
        Compression.Lz4, Compression.Lz4Hadoop,
    ];

    private static readonly (Encoding Encoding, string[] Columns)[] s_encodings =
    [
        (Encoding.DeltaBinaryPacked, ["index", "small", "lists.list.element.list.element"]),
        (Encoding.DeltaLengthByteArray, ["data_source", "prompt.list.element.content", "reward_model.style"]),
        (Encoding.DeltaByteArray, ["data_source", "prompt.list.element.content", "fixed"]),
        (Encoding.ByteStreamSplit, ["single", "real", "index", "fixed"]),
        (Encoding.Rle, ["flag"]),
    ];

    private readonly List<byte[]> _files = [];
    private readonly List<ParquetParts> _parts = [];
    private readonly TemporaryInput _input = new("input.parquet");
    private long _peak = MemoryLimit;

    /// <summary>Writes the small files that are damaged.</summary>
    public ParquetTarget()
    {
        Random random = new(7);
        foreach (Compression codec in s_codecs)
        {
            foreach (int version in new[] { 1, 2 })
            {
                Add(codec, version, useDictionary: true, Encoding.Plain, [], random);
                (Encoding encoding, string[] columns) = s_encodings[random.Next(s_encodings.Length)];
                Add(codec, version, useDictionary: false, encoding, columns, random);
            }
        }

        foreach ((Encoding encoding, string[] columns) in s_encodings)
        {
            Add(Compression.Uncompressed, 2, useDictionary: false, encoding, columns, random);
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

        // The heap's own count does not see what the native library takes.
        using Process self = Process.GetCurrentProcess();
        if (self.PeakWorkingSet64 > _peak)
        {
            _peak = self.PeakWorkingSet64;
            throw new InvalidOperationException($"the process had {_peak} bytes in memory");
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

    private void Add(Compression codec, int version, bool useDictionary, Encoding encoding, string[] encoded,
        Random random)
    {
        string path = Path.Combine(Path.GetTempPath(), $"seed-{Environment.ProcessId}.parquet");
        List<JsonObject> rows = [.. Enumerable.Range(0, 20).Select(i => Row(i, random))];
        ParquetWriterOptions options = new()
        {
            PageVersion = version,
            UseDictionary = useDictionary,
            WriteChecksums = false,
            BytesPerPage = 60,
            RowsPerGroup = 9,
            Configure = builder =>
            {
                builder.Compression(codec).DisableStatistics();
                Array.ForEach(encoded, column => builder.Encoding(new ColumnPath(column.Split('.')), encoding));
            },
        };
        using (ParquetWriter writer = new(path, Schema(), options))
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

    private static GroupNode Schema()
    {
        Node Leaf(string name, PhysicalType type, LogicalType? logical = null,
            Repetition repetition = Repetition.Optional, int length = -1) =>
            new PrimitiveNode(name, repetition, logical ?? LogicalType.None(), type, length);
        Node Text(string name) => Leaf(name, PhysicalType.ByteArray, LogicalType.String());
        Node Group(string name, LogicalType? logical, params Node[] children) =>
            new GroupNode(name, Repetition.Optional, children, logical);
        Node List(string name, Node element) =>
            Group(name, LogicalType.List(), new GroupNode("list", Repetition.Repeated, [element]));

        return new GroupNode("schema", Repetition.Required,
        [
            Text("data_source"),
            List("prompt", Group("element", null, Text("content"), Text("role"))),
            Group("reward_model", null, Text("ground_truth"), Text("style")),
            Leaf("index", PhysicalType.Int64),
            Leaf("flag", PhysicalType.Boolean, repetition: Repetition.Required),
            Leaf("small", PhysicalType.Int32),
            Leaf("single", PhysicalType.Float),
            Leaf("real", PhysicalType.Double),
            Leaf("fixed", PhysicalType.FixedLenByteArray, length: 5),
            List("lists", List("element", Leaf("element", PhysicalType.Int64))),
        ]);
    }
}
