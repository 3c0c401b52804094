using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using ParquetSharp;
using Tbrm.Core.Errors;
using Tbrm.Data.Parquet;
using Tbrm.Data.Parquet.Guard;
using Tbrm.Data.Parquet.Writing;
using Tbrm.Data.Sources;
using Tbrm.Data.Tests.Support;
using Tbrm.Testing.Parquet;
using static Tbrm.Data.Tests.Parquet.ParquetFooters;

namespace Tbrm.Data.Tests.Parquet;

internal sealed class ParquetDamageTests
{
    private const int ChangesPerFile = 100;

    // Numbers of parquet.thrift: CompressionCodec, Encoding.
    private const int Uncompressed = 0, Snappy = 1, Gzip = 2, Lzo = 3, Brotli = 4, Zstd = 6, Lz4Raw = 7;
    private const int Plain = 0, RleDictionary = 8;

    [Test]
    public void A_cut_file_is_an_error()
    {
        byte[] file = Sample(new() { UseDictionary = true }, rows: 2);
        const int Ends = 100, Step = 11;
        for (int length = 0; length < file.Length; length += length < Ends || length > file.Length - Ends ? 1 : Step)
        {
            byte[] cut = file[..length];
            Assert.That(() => ReadParquet(cut), Throws.TypeOf<DataException>(), $"cut at {length}");
        }
    }

    [Test]
    public void Changed_bytes_give_rows_or_a_data_exception_and_nothing_else(
        [Values(Compression.Uncompressed, Compression.Snappy, Compression.Zstd)] Compression codec,
        [Values(1, 2)] int version, [Values] bool dictionary)
    {
        Encoding[] encodings = dictionary ? [Encoding.Plain]
            : [Encoding.Plain, Encoding.DeltaBinaryPacked, Encoding.DeltaByteArray, Encoding.ByteStreamSplit];
        int refused = 0;
        foreach (Encoding encoding in encodings)
        {
            byte[] file = Sample(
                new()
                {
                    Codec = codec,
                    PageVersion = version,
                    UseDictionary = dictionary,
                    WriteChecksums = false,
                    BytesPerPage = 100,
                    Configure = dictionary ? null : ParquetSamples.Encode(encoding),
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
        [Values(1, 2)] int version, [Values(Snappy, Gzip, Brotli, Zstd, Lz4Raw)] int codec)
    {
        byte[] content = [1, 2, 3, 4, 5, 6, 7, 8];
        const int Claimed = 400 << 20;
        byte[] page = version == 1 ? DataPage(1, Plain, content, Claimed)
            : DataPageV2(1, 0, 1, Plain, content, 0, 0, Claimed);
        byte[] file = FileOf(OneColumn(ParquetFooters.Int64), page, ParquetFooters.Int64, codec, 1);

        Assert.That(() => ReadParquet(file), Throws.TypeOf<DataException>().With.Message.Contains(
            "row 1, column 'a': page at byte 4: 8 bytes of").And.Message.Contains("cannot hold"));
    }

    [Test]
    public void A_page_beyond_the_limit_is_refused_whatever_its_codec()
    {
        byte[] page = DataPage(1, Plain, new byte[1 << 20], 600 << 20);
        byte[] file = FileOf(OneColumn(ParquetFooters.Int64), page, ParquetFooters.Int64, Zstd, 1);

        Assert.That(() => ReadParquet(file), Throws.TypeOf<DataException>().With.Message.Contains("at most 536870912"));
    }

    [Test]
    public void A_list_of_a_billion_nulls_in_one_row_is_refused()
    {
        const int Entries = 1_000_000_000;
        byte[] repetitions = [.. Run(1, 0), .. Run(Entries - 1, 1)], definitions = Run(Entries, 2);
        byte[] page = DataPageV2(
            Entries, Entries, 1, Plain, [.. repetitions, .. definitions], definitions.Length, repetitions.Length);
        byte[] file = FileOf(ListColumn(ParquetFooters.Int64), page, ParquetFooters.Int64, Uncompressed, Entries);

        Assert.That(() => ReadParquet(file),
            Throws.TypeOf<DataException>().With.Message.Contains("a row of more than 4194304 values"));
    }

    [Test]
    public void A_row_that_repeats_a_long_value_of_a_dictionary_without_end_is_refused()
    {
        const int Entries = 1_000_000, ValueBytes = 16 << 20;
        byte[] repetitions = [.. Run(1, 0), .. Run(Entries - 1, 1)], definitions = Run(Entries, 3);

        // Indices of no bits: all of them are 0.
        byte[] content = [.. repetitions, .. definitions, 0, .. Run(Entries, 0)[..^1]];
        byte[] pages = [.. DictionaryPage(1, [.. BitConverter.GetBytes(ValueBytes), .. new byte[ValueBytes]]),
            .. DataPageV2(Entries, 0, 1, RleDictionary, content, definitions.Length, repetitions.Length)];
        byte[] file = FileOf(
            ListColumn(ParquetFooters.ByteArray), pages, ParquetFooters.ByteArray, Uncompressed, Entries);

        Assert.That(() => ReadParquet(file),
            Throws.TypeOf<DataException>().With.Message.Contains("a row of more than 268435456 bytes"));
    }

    [Test]
    public void A_schema_of_more_elements_than_any_table_has_is_refused()
    {
        ThriftValue list = ThriftValue.List(Element("schema", null, 0, 1));
        list.ClaimedCount = 1 << 20;
        byte[] footer = [.. ThriftValue.Struct((2, list)).ToArray(), .. new byte[1 << 20]];

        Assert.That(() => FooterScan.ReadGroups(footer),
            Throws.InstanceOf<MalformedException>().With.Message.Contains("a schema of"));
    }

    [Test]
    public void Lists_of_more_elements_than_any_footer_has_are_refused()
    {
        // Field 5 (key-value pairs) with four million empty structs of one byte each.
        const int Elements = 4 << 20;
        ThriftValue list = ThriftValue.List(ThriftValue.Struct());
        list.ClaimedCount = Elements;
        byte[] footer = [.. ThriftValue.Struct((5, list)).ToArray()[..^2], .. new byte[Elements + 1]];

        Assert.That(() => FooterScan.ReadGroups(footer),
            Throws.InstanceOf<MalformedException>().With.Message.Contains("lists of"));
    }

    [Test]
    public void A_dictionary_index_out_of_range_is_an_error()
    {
        byte[] data = DataPage(1, RleDictionary, [8, 1 << 1, 5]);
        byte[] withDictionary = [.. DictionaryPage(1, new byte[8]), .. data];

        Assert.That(() => ReadParquet(FileOf(
            OneColumn(ParquetFooters.Int64), withDictionary, ParquetFooters.Int64, Uncompressed, 1)),
            Throws.TypeOf<DataException>().With.Message.Contains("row 1, column 'a': "));
        Assert.That(() => ReadParquet(FileOf(
            OneColumn(ParquetFooters.Int64), data, ParquetFooters.Int64, Uncompressed, 1)),
            Throws.TypeOf<DataException>().With.Message.Contains("row 1, column 'a': "));
    }

    [Test]
    public void A_dictionary_of_more_values_than_its_bytes_hold_is_refused()
    {
        byte[] pages = [.. DictionaryPage(int.MaxValue, new byte[8]), .. DataPage(1, RleDictionary, [8, 1 << 1, 0])];

        Assert.That(() => ReadParquet(FileOf(
            OneColumn(ParquetFooters.ByteArray), pages, ParquetFooters.ByteArray, Uncompressed, 1)),
            Throws.TypeOf<DataException>().With.Message.Contains("a dictionary of 2147483647 values in 8 bytes"));
    }

    [Test]
    public void Levels_that_begin_inside_of_a_row_are_an_error()
    {
        byte[] repetitions = Run(1, 1), definitions = Run(1, 3);
        byte[] page = DataPageV2(1, 0, 1, Plain, [.. repetitions, .. definitions, .. new byte[8]], definitions.Length,
            repetitions.Length);

        Assert.That(() => ReadParquet(FileOf(
            ListColumn(ParquetFooters.Int64), page, ParquetFooters.Int64, Uncompressed, 1)),
            Throws.TypeOf<DataException>().With.Message.Contains("does not begin"));
    }

    [Test]
    public void A_page_with_fewer_values_than_levels_is_an_error()
    {
        byte[] repetitions = [.. Run(1, 0), .. Run(3, 1)], definitions = Run(4, 3);
        byte[] page = DataPageV2(4, 0, 1, Plain, [.. repetitions, .. definitions, .. new byte[16]], definitions.Length,
            repetitions.Length);

        Assert.That(() => ReadParquet(FileOf(
            ListColumn(ParquetFooters.Int64), page, ParquetFooters.Int64, Uncompressed, 4)),
            Throws.TypeOf<DataException>().With.Message.Contains("row 1, column 'a.list.element'"));
    }

    [Test]
    public void Pages_that_end_early_are_an_error()
    {
        byte[] page = DataPage(1, Plain, new byte[8]);

        Assert.That(() => ReadParquet(FileOf(
            OneColumn(ParquetFooters.Int64), page, ParquetFooters.Int64, Uncompressed, 2, rows: 2)),
            Throws.TypeOf<DataException>().With.Message.Contains("go on behind the end of the data"));
    }

    [Test]
    public void Schemas_deeper_than_any_real_one_are_refused()
    {
        ThriftValue[] deep = [.. Enumerable.Range(0, 5000).Select(_ => Element("g", null, 1, 1)),
            Element("a", ParquetFooters.Int64, 1)];
        Assert.That(() => Scan(deep), Throws.InstanceOf<MalformedException>().With.Message.Contains("at depth"));
        Assert.That(() => Scan(deep[..2]),
            Throws.InstanceOf<MalformedException>().With.Message.Contains("ends before"));
        Assert.That(() => Scan([deep[^1], deep[^1]]),
            Throws.InstanceOf<MalformedException>().With.Message.Contains("its tree only"));
        Assert.That(() => Scan([]), Throws.InstanceOf<MalformedException>());

        static void Scan(ThriftValue[] schema) =>
            FooterScan.ReadGroups(ThriftValue.Struct((2, ThriftValue.List(schema))).ToArray());
    }

    [Test]
    public void Thrift_lists_larger_than_their_bytes_and_bottomless_structs_are_refused()
    {
        byte[] hugeList = [0x29, 0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F];
        byte[] nested = [.. Enumerable.Repeat((byte)0x1C, 100_000)];

        Assert.That(() => FooterScan.ReadGroups(hugeList), Throws.InstanceOf<MalformedException>());
        Assert.That(() => FooterScan.ReadGroups(nested), Throws.InstanceOf<MalformedException>());
    }

    [TestCase(1, "lies in another file")]
    [TestCase(8, "is encrypted")]
    public void What_is_not_in_the_file_or_encrypted_is_named(int field, string expected)
    {
        const int RowGroups = 4, Columns = 1;
        ParquetParts parts = ParquetParts.Read(Sample(new(), rows: 2));
        ThriftValue chunk = parts.Footer[RowGroups]!.Items[0].Value[Columns]!.Items[1].Value;
        chunk.Items.Add((field, field == 1 ? ThriftValue.Text("other.parquet") : ThriftValue.Struct()));

        Assert.That(() => ReadParquet(parts.ToArray(fitSizes: true, null)),
            Throws.TypeOf<DataException>().With.Message.Contains("column 'flag'").And.Message.Contains(expected));
    }

    [Test]
    public void A_codec_that_is_not_read_is_named()
    {
        byte[] page = DataPage(1, Plain, new byte[8]);

        Assert.That(() => ReadParquet(FileOf(OneColumn(ParquetFooters.Int64), page, ParquetFooters.Int64, Lzo, 1)),
            Throws.TypeOf<DataException>().With.Message.Contains("row 1, column 'a'")
                .And.Message.Contains("LZO").IgnoreCase);
    }

    [Test]
    public void A_ratio_that_no_encoder_reaches_is_not_believed()
    {
        Assert.That(PageScan.IsPlausible(Snappy, 100, 400 << 20), Is.False);
        Assert.That(PageScan.IsPlausible(Lz4Raw, 1 << 20, 255 << 20), Is.True);
        Assert.That(PageScan.IsPlausible(Uncompressed, 100, 200_000), Is.False);
    }

    private static byte[] Sample(ParquetWriterOptions options, int rows)
    {
        using TemporaryFolder folder = new();
        return File.ReadAllBytes(ParquetSamples.Write(
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
