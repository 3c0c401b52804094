using System;
using Tbrm.Data.Parquet.Thrift;

namespace Tbrm.Data.Parquet.Metadata;

/// <summary>Parses the header that stands before every page.</summary>
internal static class PageHeaderReader
{
    /// <summary>The header at the beginning of <paramref name="bytes"/>, and its length.</summary>
    /// <exception cref="TruncatedException">It goes on behind these bytes.</exception>
    /// <exception cref="MalformedException">It breaks the format.</exception>
    public static (PageHeader Header, int Length) Read(ReadOnlySpan<byte> bytes)
    {
        CompactReader reader = new(bytes);
        int? pageType = null;
        int uncompressed = -1, compressed = -1;
        uint? crc = null;
        PageHeader details = new(PageType.IndexPage, 0, 0, null);
        int outer = reader.BeginStruct();
        while (reader.NextField(out int id, out CompactType type))
        {
            switch (id)
            {
                case 1: pageType = reader.ReadI32(type); break;
                case 2: uncompressed = reader.ReadI32(type); break;
                case 3: compressed = reader.ReadI32(type); break;
                case 4: crc = (uint)reader.ReadI32(type); break;
                case 5 when type == CompactType.Struct: details = ReadDataPage(ref reader, details); break;
                case 7 when type == CompactType.Struct: details = ReadDictionaryPage(ref reader, details); break;
                case 8 when type == CompactType.Struct: details = ReadDataPageV2(ref reader, details); break;
                default: reader.Skip(type); break;
            }
        }

        reader.EndStruct(outer);
        if (pageType is not (>= 0 and <= 3) || uncompressed < 0 || compressed < 0 || details.ValueCount < 0)
        {
            throw new MalformedException(
                $"a page header of type {pageType}, {compressed} bytes ({uncompressed} uncompressed), {details.ValueCount} values");
        }

        PageHeader header = details with
        {
            Type = (PageType)pageType,
            UncompressedBytes = uncompressed,
            CompressedBytes = compressed,
            Crc = crc
        };
        return (header, reader.Position);
    }

    private static PageHeader ReadDataPage(ref CompactReader reader, PageHeader page)
    {
        int outer = reader.BeginStruct();
        while (reader.NextField(out int id, out CompactType type))
        {
            switch (id)
            {
                case 1: page = page with { ValueCount = reader.ReadI32(type) }; break;
                case 2: page = page with { Encoding = (PageEncoding)reader.ReadI32(type) }; break;
                case 3: page = page with { DefinitionEncoding = (PageEncoding)reader.ReadI32(type) }; break;
                case 4: page = page with { RepetitionEncoding = (PageEncoding)reader.ReadI32(type) }; break;
                default: reader.Skip(type); break;
            }
        }

        reader.EndStruct(outer);
        return page;
    }

    private static PageHeader ReadDictionaryPage(ref CompactReader reader, PageHeader page)
    {
        int outer = reader.BeginStruct();
        while (reader.NextField(out int id, out CompactType type))
        {
            switch (id)
            {
                case 1: page = page with { ValueCount = reader.ReadI32(type) }; break;
                case 2: page = page with { Encoding = (PageEncoding)reader.ReadI32(type) }; break;
                default: reader.Skip(type); break;
            }
        }

        reader.EndStruct(outer);
        return page;
    }

    private static PageHeader ReadDataPageV2(ref CompactReader reader, PageHeader page)
    {
        int outer = reader.BeginStruct();
        while (reader.NextField(out int id, out CompactType type))
        {
            switch (id)
            {
                case 1: page = page with { ValueCount = reader.ReadI32(type) }; break;
                case 4: page = page with { Encoding = (PageEncoding)reader.ReadI32(type) }; break;
                case 5: page = page with { DefinitionBytes = reader.ReadI32(type) }; break;
                case 6: page = page with { RepetitionBytes = reader.ReadI32(type) }; break;
                case 7: page = page with { IsCompressed = CompactReader.ReadBool(type) }; break;
                default: reader.Skip(type); break;
            }
        }

        reader.EndStruct(outer);
        return page;
    }
}
