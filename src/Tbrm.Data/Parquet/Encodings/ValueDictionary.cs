using System;
using Tbrm.Data.Parquet.Metadata;

namespace Tbrm.Data.Parquet.Encodings;

/// <summary>The distinct values of a column chunk, from its dictionary page; texts are decoded once.</summary>
internal sealed class ValueDictionary
{
    private readonly long[]? _integers;
    private readonly double[]? _reals;
    private readonly byte[]? _bytes;
    private readonly int[]? _ends;
    private readonly string?[]? _texts;

    /// <summary>Reads all values of a page. The caller has bounded <paramref name="count"/> by the bytes of the
    /// page.</summary>
    public ValueDictionary(ValueDecoder values, int count, PhysicalType type, int pageBytes)
    {
        Count = count;
        switch (type)
        {
            case PhysicalType.Boolean or PhysicalType.Int32 or PhysicalType.Int64:
                _integers = new long[count];
                for (int i = 0; i < count; i++)
                {
                    _integers[i] = values.NextInteger();
                }

                break;
            case PhysicalType.Float or PhysicalType.Double:
                _reals = new double[count];
                for (int i = 0; i < count; i++)
                {
                    _reals[i] = values.NextReal();
                }

                break;
            default:
                _bytes = new byte[pageBytes];
                _ends = new int[count + 1];
                _texts = new string?[count];
                for (int i = 0; i < count; i++)
                {
                    ReadOnlySpan<byte> value = values.NextBytes();
                    value.CopyTo(_bytes.AsSpan(_ends[i]));
                    _ends[i + 1] = _ends[i] + value.Length;
                }

                break;
        }
    }

    public int Count { get; }

    public long Integer(int index) => _integers![index];

    public double Real(int index) => _reals![index];

    public ReadOnlySpan<byte> Bytes(int index) => _bytes.AsSpan(_ends![index], _ends[index + 1] - _ends[index]);

    public string Text(int index, Func<ReadOnlySpan<byte>, string> decode) => _texts![index] ??= decode(Bytes(index));

    /// <summary>Whether values of the type are read by this kind of access.</summary>
    public bool HoldsIntegers => _integers is not null;

    public bool HoldsReals => _reals is not null;

    public bool HoldsBytes => _bytes is not null;
}

/// <summary>PLAIN_DICTIONARY and RLE_DICTIONARY: indices into the dictionary.</summary>
internal sealed class DictionaryDecoder(ValueDictionary dictionary, IntegerStream indices) : ValueDecoder
{
    public override long NextInteger() => dictionary.HoldsIntegers ? dictionary.Integer(NextIndex())
        : base.NextInteger();

    public override double NextReal() => dictionary.HoldsReals ? dictionary.Real(NextIndex()) : base.NextReal();

    public override ReadOnlySpan<byte> NextBytes()
    {
        ReadOnlySpan<byte> value = dictionary.HoldsBytes ? dictionary.Bytes(NextIndex()) : base.NextBytes();
        RepeatedBytes += value.Length;
        return value;
    }

    public override string NextText()
    {
        string value = dictionary.HoldsBytes ? dictionary.Text(NextIndex(), ToText) : base.NextText();
        RepeatedBytes += value.Length;
        return value;
    }

    private int NextIndex()
    {
        int index = indices.Next();
        return (uint)index < (uint)dictionary.Count ? index
            : throw new MalformedException($"index {index} into a dictionary of {dictionary.Count} values");
    }
}
