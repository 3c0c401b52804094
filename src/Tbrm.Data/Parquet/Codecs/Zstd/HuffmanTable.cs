using System;
using System.Numerics;

namespace Tbrm.Data.Parquet.Codecs.Zstd;

/// <summary>A Huffman code for literals (RFC 8878, 4.2), as a table over all prefixes of the longest length.</summary>
internal sealed class HuffmanTable
{
    private const int MaxBits = 11;
    private const int MaxSymbols = 256;

    private readonly byte[] _symbols;
    private readonly byte[] _lengths;
    private readonly int _bits;

    private HuffmanTable(int bits)
    {
        _bits = bits;
        _symbols = new byte[1 << bits];
        _lengths = new byte[1 << bits];
    }

    /// <summary>Reads a description; <paramref name="length"/> says how many bytes it took.</summary>
    public static HuffmanTable Read(ReadOnlySpan<byte> data, out int length)
    {
        const int FirstDirect = 128;
        if (data.Length == 0)
        {
            throw new MalformedException("zstd: the block ends where a Huffman table should be");
        }

        Span<byte> weights = stackalloc byte[MaxSymbols];
        int header = data[0], count;
        if (header >= FirstDirect)
        {
            count = header - FirstDirect + 1;
            length = 1 + ((count + 1) / 2);
            Require(length <= data.Length);
            for (int i = 0; i < count; i++)
            {
                byte pair = data[1 + (i / 2)];
                weights[i] = (byte)(i % 2 == 0 ? pair >> 4 : pair & 0x0F);
            }
        }
        else
        {
            length = 1 + header;
            Require(length <= data.Length);
            count = ReadWeights(data[1..length], weights);
        }

        return FromWeights(weights, count);
    }

    /// <summary>Decodes one stream, which must hold exactly as many symbols as the target.</summary>
    public void Decode(ReadOnlySpan<byte> stream, Span<byte> target)
    {
        BackwardBits bits = new(stream);
        for (int i = 0; i < target.Length; i++)
        {
            int prefix = (int)bits.Peek(_bits);
            target[i] = _symbols[prefix];
            bits.Skip(_lengths[prefix]);
        }

        if (bits.Left != 0)
        {
            throw new MalformedException("zstd: a stream of literals does not end where it should");
        }
    }

    /// <summary>Weights that are themselves coded with two interleaved states.</summary>
    private static int ReadWeights(ReadOnlySpan<byte> data, Span<byte> weights)
    {
        const int MaxAccuracyLog = 6, MaxWeight = 12;
        FseTable table = FseTable.Read(data, MaxAccuracyLog, MaxWeight, out int tableBytes);
        BackwardBits bits = new(data[tableBytes..]);
        int first = (int)bits.Read(table.AccuracyLog), second = (int)bits.Read(table.AccuracyLog), count = 0;
        while (true)
        {
            // The stream ends when a state would need more bits than there are; the other state still holds one symbol.
            Require(count < MaxSymbols - 2);
            weights[count++] = table.Symbol(first);
            if (bits.Left < table.Bits(first))
            {
                weights[count++] = table.Symbol(second);
                return count;
            }

            first = table.Next(first, bits.Read(table.Bits(first)));
            (first, second) = (second, first);
        }
    }

    private static HuffmanTable FromWeights(Span<byte> weights, int count)
    {
        int sum = 0;
        for (int i = 0; i < count; i++)
        {
            Require(weights[i] <= MaxBits);
            sum += (1 << weights[i]) >> 1;
        }

        Require(sum > 0);
        int bits = BitOperations.Log2((uint)sum) + 1;
        int rest = (1 << bits) - sum;
        Require(bits <= MaxBits && count < MaxSymbols && BitOperations.IsPow2(rest));
        weights[count++] = (byte)(BitOperations.Log2((uint)rest) + 1);

        HuffmanTable table = new(bits);
        int position = 0;
        for (int weight = 1; weight <= bits; weight++)
        {
            int span = 1 << (weight - 1);
            for (int symbol = 0; symbol < count; symbol++)
            {
                if (weights[symbol] == weight)
                {
                    table._symbols.AsSpan(position, span).Fill((byte)symbol);
                    table._lengths.AsSpan(position, span).Fill((byte)(bits + 1 - weight));
                    position += span;
                }
            }
        }

        return table;
    }

    private static void Require(bool condition)
    {
        if (!condition)
        {
            throw new MalformedException("zstd: a Huffman table is damaged");
        }
    }
}
