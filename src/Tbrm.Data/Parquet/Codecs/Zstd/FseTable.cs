using System;
using System.Numerics;

namespace Tbrm.Data.Parquet.Codecs.Zstd;

/// <summary>A decoding table of finite state entropy (RFC 8878, 4.1.1).</summary>
internal sealed class FseTable
{
    private readonly byte[] _symbols;
    private readonly byte[] _bits;
    private readonly ushort[] _baselines;

    private FseTable(int accuracyLog)
    {
        AccuracyLog = accuracyLog;
        _symbols = new byte[1 << accuracyLog];
        _bits = new byte[1 << accuracyLog];
        _baselines = new ushort[1 << accuracyLog];
    }

    /// <summary>Bits of a state.</summary>
    public int AccuracyLog { get; }

    public byte Symbol(int state) => _symbols[state];

    /// <summary>Bits to read for the next state.</summary>
    public int Bits(int state) => _bits[state];

    public int Next(int state, ulong bits) => _baselines[state] + (int)bits;

    /// <summary>The table that always gives one symbol.</summary>
    public static FseTable Single(byte symbol)
    {
        FseTable table = new(0);
        table._symbols[0] = symbol;
        return table;
    }

    /// <summary>Spreads symbols over the states by their normalised counts; -1 stands for "less than one".</summary>
    public static FseTable FromCounts(ReadOnlySpan<short> counts, int accuracyLog)
    {
        FseTable table = new(accuracyLog);
        int size = 1 << accuracyLog, mask = size - 1, high = size - 1;
        Span<int> next = stackalloc int[counts.Length];
        for (int symbol = 0; symbol < counts.Length; symbol++)
        {
            next[symbol] = counts[symbol];
            if (counts[symbol] == -1)
            {
                table._symbols[high--] = (byte)symbol;
                next[symbol] = 1;
            }
        }

        int step = (size >> 1) + (size >> 3) + 3, position = 0;
        for (int symbol = 0; symbol < counts.Length; symbol++)
        {
            for (int i = 0; i < counts[symbol]; i++)
            {
                table._symbols[position] = (byte)symbol;
                do
                {
                    position = (position + step) & mask;
                }
                while (position > high);
            }
        }

        for (int state = 0; state < size; state++)
        {
            int value = next[table._symbols[state]]++;
            int bits = accuracyLog - BitOperations.Log2((uint)value);
            table._bits[state] = (byte)bits;
            table._baselines[state] = (ushort)((value << bits) - size);
        }

        return table;
    }

    /// <summary>Reads a table's description; <paramref name="length"/> says how many bytes it took.</summary>
    public static FseTable Read(ReadOnlySpan<byte> data, int maxAccuracyLog, int maxSymbol, out int length)
    {
        ForwardBits bits = new(data);
        int accuracyLog = (int)bits.Read(4) + 5;
        if (accuracyLog > maxAccuracyLog)
        {
            throw new MalformedException(
                $"zstd: an entropy table of accuracy {accuracyLog}, at most {maxAccuracyLog} is allowed");
        }

        Span<short> counts = stackalloc short[maxSymbol + 1];
        int remaining = (1 << accuracyLog) + 1, threshold = 1 << accuracyLog, width = accuracyLog + 1, symbol = 0;
        while (remaining > 1)
        {
            if (symbol > maxSymbol)
            {
                throw new MalformedException("zstd: an entropy table has too many symbols");
            }

            int count = ReadCount(ref bits, remaining, threshold, width);
            counts[symbol++] = (short)count;
            remaining -= Math.Abs(count);
            if (count == 0)
            {
                symbol = SkipZeros(ref bits, symbol);
            }

            while (remaining < threshold)
            {
                width--;
                threshold >>= 1;
            }
        }

        length = bits.BytesRead;
        return remaining == 1 ? FromCounts(counts[..Math.Min(symbol, maxSymbol + 1)], accuracyLog)
            : throw new MalformedException("zstd: the counts of an entropy table do not add up");
    }

    /// <summary>A count takes a bit less when its value is among the small ones that cannot be mistaken.</summary>
    private static int ReadCount(ref ForwardBits bits, int remaining, int threshold, int width)
    {
        int max = (2 * threshold) - 1 - remaining;
        int value = (int)bits.Peek(width);
        int low = value & (threshold - 1);
        if (low < max)
        {
            bits.Skip(width - 1);
            return low - 1;
        }

        bits.Skip(width);
        return (value >= threshold ? value - max : value) - 1;
    }

    private static int SkipZeros(ref ForwardBits bits, int symbol)
    {
        const int More = 3;
        int repeat;
        do
        {
            repeat = (int)bits.Read(2);
            symbol += repeat;
        }
        while (repeat == More);

        return symbol;
    }

    /// <summary>Bits from the least significant of the first byte on.</summary>
    private ref struct ForwardBits(ReadOnlySpan<byte> data)
    {
        private readonly ReadOnlySpan<byte> _data = data;
        private int _bit;

        public readonly int BytesRead => (_bit + 7) / 8;

        public uint Read(int count)
        {
            uint value = Peek(count);
            Skip(count);
            return value;
        }

        /// <summary>Bits behind the end are zero; skipping over them is the error.</summary>
        public readonly uint Peek(int count)
        {
            uint value = 0;
            int position = _bit >> 3;
            for (int i = 0; i < 4 && position + i < _data.Length; i++)
            {
                value |= (uint)_data[position + i] << (8 * i);
            }

            return (value >> (_bit & 7)) & ((1u << count) - 1);
        }

        public void Skip(int count)
        {
            _bit += count;
            if (_bit > 8 * _data.Length)
            {
                throw new MalformedException("zstd: an entropy table ends too early");
            }
        }
    }
}
