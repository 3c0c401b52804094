using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Data.Parquet;
using Tbrm.Data.Parquet.Metadata;
using Tbrm.Data.Parquet.Schema;
using Tbrm.Data.Parquet.Thrift;
using Tbrm.Data.Parquet.Writing;
using Tbrm.Data.Sources;
using Tbrm.Data.Tests.Support;

namespace Tbrm.Data.Tests.Parquet;

internal sealed class ParquetDamageTests
{
    private const int ChangesPerFile = 100;

    [Test]
    public void Every_cut_of_a_file_is_an_error()
    {
        byte[] file = Sample(new() { UseDictionary = true }, rows: 2);
        for (int length = 0; length < file.Length; length++)
        {
            byte[] cut = file[..length];
            Assert.That(() => ReadParquet(cut), Throws.TypeOf<DataException>(), $"cut at {length}");
        }
    }

    [Test]
    public void Changed_bytes_give_rows_or_a_data_exception_and_nothing_else(
        [Values(ParquetCodec.Uncompressed, ParquetCodec.Snappy)] ParquetCodec codec, [Values(1, 2)] int version,
            [Values] bool dictionary)
    {
        PageEncoding[] encodings = dictionary ? [PageEncoding.Plain]
            : [PageEncoding.Plain, PageEncoding.DeltaBinaryPacked, PageEncoding.DeltaByteArray,
            PageEncoding.ByteStreamSplit];
        int refused = 0;
        foreach (PageEncoding encoding in encodings)
        {
            byte[] file = Sample(
                new()
                {
                    Codec = codec,
                    PageVersion = version,
                    UseDictionary = dictionary,
                    Encoding = encoding,
                    WriteChecksums = false,
                    RowsPerPage = 10
                }, rows: 30);
            Random random = new(version);
            for (int i = 0; i < ChangesPerFile; i++)
            {
                refused += IsRefused(Mutate(file, random)) ? 1 : 0;
            }
        }

        Assert.That(refused, Is.InRange(1, (ChangesPerFile * encodings.Length) - 1),
            "some changes must be noticed, and some are harmless");
    }

    [Test]
    public void Changed_lines_give_rows_or_a_data_exception_and_nothing_else()
    {
        byte[] text = System.Text.Encoding.UTF8.GetBytes(
            "{\"a\":[1,{\"b\":\"\\u00e9\\ud83d\\ude00 π\"}],\"c\":1e5}\r\n[]\n{\"d\":null}\n");
        byte[] list = System.Text.Encoding.UTF8.GetBytes(" [ {\"a\":[1,{\"b\":\"\\u00e9\\\\\"}]}, {\"d\":-0.5} ] ");
        Random random = new(1);
        int refused = 0;
        for (int i = 0; i < 2000; i++)
        {
            refused += IsRefused(Mutate(i % 2 == 0 ? text[..^14] : list, random)) ? 1 : 0;
        }

        Assert.That(refused, Is.InRange(1, 1999));
    }

    [Test]
    public void A_file_that_is_none_is_said_to_be_so()
    {
        Assert.That(() => ReadParquet("PAR1 but not really, as it ends with something else"u8.ToArray()),
            Throws.TypeOf<DataException>().With.Message.Contains("does not end with PAR1"));
        Assert.That(() => ReadParquet("PAR1"u8.ToArray()),
            Throws.TypeOf<DataException>().With.Message.Contains("too few"));
        Assert.That(() => ReadParquet([.. "PAR1"u8, .. "xxxx"u8, 0xFF, 0xFF, 0xFF, 0x7F, .. "PAR1"u8]),
            Throws.TypeOf<DataException>().With.Message.Contains("a footer of"));
        Assert.That(() => ReadParquet([.. "PAR1"u8, .. "xxxx"u8, 1, 0, 0, 0, .. "PARE"u8]),
            Throws.TypeOf<DataException>().With.Message.Contains("encrypted"));
    }

    [Test]
    public void A_page_that_claims_gigabytes_is_refused_before_they_are_taken(
        [Values(1, 2)] int version,
            [Values(ParquetCodec.Snappy, ParquetCodec.Gzip, ParquetCodec.Brotli, ParquetCodec.Zstd,
            ParquetCodec.Lz4Raw)] ParquetCodec codec)
    {
        // Header: type, then the unpacked size as a zigzag varint (field 2), here set to 400 MiB in a page of a few
        // bytes.
        PageHeader header = new(
            version == 1 ? PageType.DataPage
            : PageType.DataPageV2, 400 << 20, 8, null)
        { ValueCount = 1, Encoding = PageEncoding.Plain };
        byte[] page = [.. MetadataWriter.Write(header, 1, 0), 1, 2, 3, 4, 5, 6, 7, 8];
        byte[] file = FileOfOnePage(page, codec, PhysicalType.Int64);
        long before = GC.GetTotalAllocatedBytes();

        Assert.That(() => ReadParquet(file), Throws.TypeOf<DataException>().With.Message.Contains("cannot hold"));
        Assert.That(GC.GetTotalAllocatedBytes() - before, Is.LessThan(64 << 20));
    }

    [Test]
    public void A_list_of_a_billion_nulls_in_one_row_is_refused()
    {
        const int Entries = 1_000_000_000;
        using MemoryStream repetitions = new(), definitions = new();
        RleEncoder.WriteVarint(repetitions, 1 << 1);
        repetitions.WriteByte(0);
        RleEncoder.WriteVarint(repetitions, (ulong)(Entries - 1) << 1);
        repetitions.WriteByte(1);
        RleEncoder.WriteVarint(definitions, (ulong)Entries << 1);
        definitions.WriteByte(2);
        byte[] levels = [.. repetitions.ToArray(), .. definitions.ToArray()];
        PageHeader header = new(PageType.DataPageV2, levels.Length, levels.Length, null)
        {
            ValueCount = Entries,
            Encoding = PageEncoding.Plain,
            RepetitionBytes = (int)repetitions.Length,
            DefinitionBytes = (int)definitions.Length,
        };
        SchemaNode schema = ParquetSamples.Schema(
            ParquetSamples.Group("a", 1, LogicalKind.List),
                ParquetSamples.Group("list", 1, repetition: Repetition.Repeated),
                ParquetSamples.Leaf("element", PhysicalType.Int64));

        byte[] file = FileOf(
            schema, [.. MetadataWriter.Write(header, 1, Entries), .. levels],
            new ColumnChunk(PhysicalType.Int64, ParquetCodec.Uncompressed, Entries, 0, 0, 4, null, false, null));
        Assert.That(() => ReadParquet(file),
            Throws.TypeOf<DataException>().With.Message.Contains("a row of more than"));
    }

    [Test]
    public void A_row_that_repeats_a_long_value_of_a_dictionary_without_end_is_refused()
    {
        const int Entries = 1_000_000, ValueBytes = 1 << 20;
        using MemoryStream levels = new();
        RleEncoder.WriteVarint(levels, 1 << 1);
        levels.WriteByte(0);
        RleEncoder.WriteVarint(levels, (ulong)(Entries - 1) << 1);
        levels.WriteByte(1);
        int repetitionBytes = (int)levels.Length;
        RleEncoder.WriteVarint(levels, (ulong)Entries << 1);
        levels.WriteByte(3);
        int levelBytes = (int)levels.Length;
        levels.WriteByte(0);
        PageHeader dictionary =
            new(PageType.DictionaryPage, ValueBytes + sizeof(int), ValueBytes + sizeof(int), null)
            {
                ValueCount = 1,
                Encoding = PageEncoding.Plain
            };
        PageHeader data = new(PageType.DataPageV2, levelBytes + 1, levelBytes + 1, null)
        {
            ValueCount = Entries,
            Encoding = PageEncoding.RleDictionary,
            RepetitionBytes = repetitionBytes,
            DefinitionBytes = levelBytes - repetitionBytes,
        };
        SchemaNode schema = ParquetSamples.Schema(
            ParquetSamples.Group("a", 1, LogicalKind.List),
                ParquetSamples.Group("list", 1, repetition: Repetition.Repeated),
                ParquetSamples.Leaf("element", PhysicalType.ByteArray));
        byte[] pages = [.. MetadataWriter.Write(dictionary, 0, 0), .. BitConverter.GetBytes(ValueBytes),
            .. new byte[ValueBytes], .. MetadataWriter.Write(data, 1, 0), .. levels.ToArray()];
        byte[] file = FileOf(
            schema, pages, new ColumnChunk(
            PhysicalType.ByteArray, ParquetCodec.Uncompressed, Entries, 0, 0, 4, null, false, null));

        Assert.That(() => ReadParquet(file),
            Throws.TypeOf<DataException>().With.Message.Contains("out of dictionaries"));
    }

    [Test]
    public void A_schema_of_more_elements_than_any_table_has_is_refused()
    {
        CompactWriter footer = new();
        footer.BeginElement();
        const int Elements = 1 << 20;
        footer.BeginList(2, CompactType.Struct, Elements);
        byte[] thrift = [.. footer.ToArray(), .. new byte[Elements + 1]];
        Assert.That(() => MetadataReader.ReadFile(thrift),
            Throws.InstanceOf<MalformedException>().With.Message.Contains("a schema of"));
    }

    [Test]
    public void A_dictionary_index_out_of_range_is_an_error()
    {
        PageHeader header = new(
            PageType.DataPage, 3, 3, null)
        { ValueCount = 1, Encoding = PageEncoding.RleDictionary };
        PageHeader dictionary =
            new(PageType.DictionaryPage, 8, 8, null) { ValueCount = 1, Encoding = PageEncoding.Plain };
        byte[] indices = [8, 1 << 1, 5];
        byte[] withDictionary =
            [.. MetadataWriter.Write(dictionary, 0, 0), 1, 0, 0, 0, 0, 0, 0, 0, .. MetadataWriter.Write(header, 0, 0),
            .. indices];
        byte[] without = [.. MetadataWriter.Write(header, 0, 0), .. indices];

        Assert.That(() => ReadParquet(FileOfOnePage(withDictionary, ParquetCodec.Uncompressed, PhysicalType.Int64)),
            Throws.TypeOf<DataException>().With.Message.Contains("index 5 into a dictionary of 1"));
        Assert.That(() => ReadParquet(FileOfOnePage(without, ParquetCodec.Uncompressed, PhysicalType.Int64)),
            Throws.TypeOf<DataException>().With.Message.Contains("no dictionary"));
    }

    [Test]
    public void Schemas_deeper_than_any_real_one_are_refused()
    {
        List<SchemaElement> elements = [new("root", null, 0, Repetition.Required, 1, LogicalType.None)];
        for (int i = 0; i < 5000; i++)
        {
            elements.Add(ParquetSamples.Group("g", 1));
        }

        elements.Add(ParquetSamples.Leaf("a", PhysicalType.Int32));
        Assert.That(() => SchemaTree.Build(elements), Throws.InstanceOf<MalformedException>());
        Assert.That(() => SchemaTree.Build(elements[..2]), Throws.InstanceOf<MalformedException>());
        Assert.That(() => SchemaTree.Build([]), Throws.InstanceOf<MalformedException>());
    }

    [Test]
    public void Thrift_lists_larger_than_their_bytes_and_bottomless_structs_are_refused()
    {
        byte[] hugeList = [0x29, 0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F];
        byte[] nested = [.. Enumerable.Repeat((byte)0x1C, 100_000)];

        Assert.That(() => MetadataReader.ReadFile(hugeList), Throws.InstanceOf<MalformedException>());
        Assert.That(() => MetadataReader.ReadFile(nested), Throws.InstanceOf<MalformedException>());
    }

    private static byte[] FileOfOnePage(byte[] pages, ParquetCodec codec, PhysicalType type)
    {
        SchemaNode schema = ParquetSamples.Schema(ParquetSamples.Leaf("a", type, repetition: Repetition.Required));
        return FileOf(schema, pages, new ColumnChunk(type, codec, 1, 0, 0, 4, null, false, null));
    }

    private static byte[] FileOf(SchemaNode schema, byte[] pages, ColumnChunk chunk)
    {
        byte[] footer = MetadataWriter.Write(
            schema, [new WrittenRowGroup(1, [new WrittenColumn(chunk, [PageEncoding.Plain], ["a"])])], "test");
        return [.. "PAR1"u8, .. pages, .. footer, .. BitConverter.GetBytes(footer.Length), .. "PAR1"u8];
    }

    private static byte[] Sample(ParquetWriterOptions options, int rows)
    {
        using TemporaryFolder folder = new();
        return File.ReadAllBytes(ParquetRoundTripTests.Write(
            folder, ParquetSamples.RichSchema(), ParquetSamples.RichRows(rows, seed: 9), options));
    }

    private static byte[] Mutate(byte[] file, Random random)
    {
        byte[] changed = [.. file];
        for (int edits = random.Next(1, 5); edits > 0; edits--)
        {
            int at = random.Next(changed.Length);
            changed[at] = random.Next(
                3) switch
            { 0 => (byte)random.Next(256), 1 => (byte)(changed[at] ^ (1 << random.Next(8))), _ => 0xFF };
        }

        return random.Next(10) == 0 ? changed[..random.Next(changed.Length)] : changed;
    }

    private static bool IsRefused(byte[] bytes)
    {
        try
        {
            const int MostRows = 10_000;
            using TemporaryFolder folder = new();
            Assert.That(RowFile.Read(folder.Write("changed.bin", bytes)).Take(MostRows).Count(),
                Is.LessThanOrEqualTo(MostRows));
            return false;
        }
        catch (DataException)
        {
            return true;
        }
    }

    private static List<JsonObject> ReadParquet(byte[] bytes)
    {
        using TemporaryFolder folder = new();
        using ParquetFile file = ParquetFile.Open(folder.Write("damaged.parquet", bytes));
        return [.. file.ReadRows()];
    }
}
