using System;
using System.Buffers.Binary;
using System.Numerics;
using Tbrm.Core.Errors;
using Tbrm.Data.Parquet.Encodings;
using Tbrm.Data.Parquet.Metadata;
using Tbrm.Data.Parquet.Schema;

namespace Tbrm.Data.Parquet.Reading;

/// <summary>
/// Walks through the entries of one column chunk. At any time one entry is current: its levels are known, its value,
/// which
/// it has if its definition level is the column's, comes from <see cref="Values"/>.
/// </summary>
internal sealed class ColumnCursor : IDisposable
{
    private readonly SchemaNode _column;
    private readonly PageReader _pages;
    private readonly string _fileName;
    private readonly ReadLimits _limits;
    private IntegerStream _repetitions = new ConstantStream(0);
    private IntegerStream _definitions = new ConstantStream(0);
    private ValueDictionary? _dictionary;
    private long _dictionaryBytes;
    private long _leftInChunk;
    private int _leftInPage;

    public ColumnCursor(SchemaNode column, ColumnChunk chunk, PageReader pages, string fileName, ReadLimits limits)
    {
        _column = column;
        _pages = pages;
        _fileName = fileName;
        _limits = limits;
        _leftInChunk = chunk.ValueCount;
        Values = ValueDecoders.Plain(column, [], 0, 0);
        MoveNext();
    }

    public SchemaNode Column => _column;

    /// <summary>Whether all entries have been passed.</summary>
    public bool AtEnd { get; private set; }

    /// <summary>The current entry's repetition level; 0 begins a row.</summary>
    public int Repetition { get; private set; }

    /// <summary>The current entry's definition level.</summary>
    public int Definition { get; private set; }

    /// <summary>Gives the current entry's value, once.</summary>
    public ValueDecoder Values { get; private set; }

    /// <summary>Goes to the next entry.</summary>
    /// <exception cref="DataException">The column is damaged.</exception>
    public void MoveNext()
    {
        try
        {
            while (_leftInPage == 0)
            {
                if (_leftInChunk == 0)
                {
                    AtEnd = true;
                    return;
                }

                LoadPage();
            }

            _leftInPage--;
            _leftInChunk--;
            Repetition = _repetitions.Next();
            Definition = _definitions.Next();
            if (Repetition > _column.RepetitionLevel || Definition > _column.DefinitionLevel)
            {
                throw new MalformedException(
                    $"levels {Repetition}, {Definition} where at most {_column.RepetitionLevel}, {_column.DefinitionLevel} are possible");
            }
        }
        catch (MalformedException e)
        {
            throw Error(e.Message, e);
        }
    }

    /// <summary>An error that names file, column and page.</summary>
    public DataException Error(string what, Exception? inner = null)
    {
        return new DataException($"{_fileName}: column '{_column.Path}', page at byte {_pages.Offset}: {what}", inner);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pages.Dispose();
        _limits.Reserve(-_dictionaryBytes);
        _dictionaryBytes = 0;
    }

    private void LoadPage()
    {
        PageHeader header = _pages.Next();
        switch (header.Type)
        {
            case PageType.DictionaryPage:
                LoadDictionary(header);
                break;
            case PageType.DataPage:
                LoadDataPage(header);
                break;
            case PageType.DataPageV2:
                LoadDataPageV2(header);
                break;
        }
    }

    private void LoadDictionary(PageHeader header)
    {
        if (_dictionary is not null)
        {
            throw new MalformedException("the column has a second dictionary");
        }

        if (header.Encoding is not (PageEncoding.Plain or PageEncoding.PlainDictionary))
        {
            throw new MalformedException($"a dictionary in encoding {header.Encoding}");
        }

        if (header.ValueCount > ValueDecoders.MostPlainValues(_column, _pages.Length))
        {
            throw new MalformedException($"a dictionary of {header.ValueCount} values in {_pages.Length} bytes");
        }

        const int BytesPerValue = 16;
        _dictionaryBytes = _pages.Length + (long)BytesPerValue * header.ValueCount;
        _limits.Reserve(_dictionaryBytes);
        ValueDecoder values = ValueDecoders.Plain(_column, _pages.Bytes, 0, _pages.Length);
        _dictionary = new ValueDictionary(values, header.ValueCount, _column.Type!.Value, _pages.Length);
    }

    private void LoadDataPage(PageHeader header)
    {
        int position = 0;
        _repetitions = ReadLevels(header.RepetitionEncoding, _column.RepetitionLevel, header.ValueCount, ref position);
        _definitions = ReadLevels(header.DefinitionEncoding, _column.DefinitionLevel, header.ValueCount, ref position);
        Begin(header, position);
    }

    private void LoadDataPageV2(PageHeader header)
    {
        int definitions = header.RepetitionBytes, values = header.RepetitionBytes + header.DefinitionBytes;
        _repetitions = RleStream.Create(_pages.Bytes, 0, definitions, Width(_column.RepetitionLevel));
        _definitions = RleStream.Create(_pages.Bytes, definitions, values, Width(_column.DefinitionLevel));
        Begin(header, values);
    }

    private void Begin(PageHeader header, int valuesStart)
    {
        if (header.ValueCount > _leftInChunk)
        {
            throw new MalformedException(
                $"a page of {header.ValueCount} entries where {_leftInChunk} are left in the column chunk");
        }

        _leftInPage = header.ValueCount;
        if (header.ValueCount > 0)
        {
            Values = ValuesOf(header, valuesStart);
        }
    }

    private ValueDecoder ValuesOf(PageHeader header, int start)
    {
        // A page of nulls alone may lack even the bytes in which an encoding begins.
        return start == _pages.Length
            && header.Encoding is not (PageEncoding.PlainDictionary or PageEncoding.RleDictionary)
            ? ValueDecoders.Plain(_column, _pages.Bytes, start, start)
            : ValueDecoders.Create(header.Encoding, _column, _dictionary, _pages.Bytes, start, _pages.Length);
    }

    private IntegerStream ReadLevels(PageEncoding encoding, int maxLevel, int count, ref int position)
    {
        const int PrefixBytes = sizeof(int);
        if (maxLevel == 0)
        {
            return new ConstantStream(0);
        }

        int width = Width(maxLevel);
        int left = _pages.Length - position;
        if (encoding == PageEncoding.BitPacked)
        {
            long packed = (((long)count * width) + 7) / 8;
            int bytes = packed <= left ? (int)packed
                : throw new MalformedException($"{packed} bytes of levels where {left} are left in the page");
            position += bytes;
            return new BitPackedStream(_pages.Bytes, position - bytes, position, width);
        }

        if (encoding != PageEncoding.Rle)
        {
            throw new MalformedException($"levels in encoding {encoding}");
        }

        int length = left >= PrefixBytes ? BinaryPrimitives.ReadInt32LittleEndian(_pages.Bytes.AsSpan(position)) : -1;
        if (length < 0 || length > left - PrefixBytes)
        {
            throw new MalformedException($"{length} bytes of levels where {left} are left in the page");
        }

        position += PrefixBytes + length;
        return RleStream.Create(_pages.Bytes, position - length, position, width);
    }

    private static int Width(int maxLevel) => maxLevel == 0 ? 0 : BitOperations.Log2((uint)maxLevel) + 1;
}
