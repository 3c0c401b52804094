using System;
using System.Buffers.Binary;

namespace Tbrm.Data.Parquet.Codecs.Zstd;

/// <summary>The compressed blocks of one frame: tables and repeated offsets live from one block to the next (RFC 8878,
/// 3.1.1.3).</summary>
internal sealed class ZstdBlock
{
    private const int MaxBlockBytes = 128 << 10;

    private byte[] _literals = [];
    private int _literalCount;
    private HuffmanTable? _huffman;
    private FseTable? _literalTable;
    private FseTable? _offsetTable;
    private FseTable? _matchTable;
    private (int First, int Second, int Third) _offsets = (1, 4, 8);

    /// <summary>Unpacks a block behind <paramref name="written"/> bytes of the frame; returns the bytes written
    /// then.</summary>
    public int Decompress(ReadOnlySpan<byte> block, Span<byte> target, int written)
    {
        int literalBytes = ReadLiterals(block);
        return ExecuteSequences(block[literalBytes..], target, written);
    }

    private int ReadLiterals(ReadOnlySpan<byte> block)
    {
        Require(block.Length > 0);
        int kind = block[0] & 3, format = (block[0] >> 2) & 3;
        return kind < 2 ? ReadPlainLiterals(block, isRun: kind == 1, format)
            : ReadHuffmanLiterals(block, newTable: kind == 2, format);
    }

    private int ReadPlainLiterals(ReadOnlySpan<byte> block, bool isRun, int format)
    {
        int headerBytes = format switch { 1 => 2, 3 => 3, _ => 1 };
        Require(block.Length >= headerBytes);
        int size = format switch
        {
            1 => (block[0] >> 4) | (block[1] << 4),
            3 => (block[0] >> 4) | (block[1] << 4) | (block[2] << 12),
            _ => block[0] >> 3,
        };
        int stored = isRun ? 1 : size;
        Require(size <= MaxBlockBytes && stored <= block.Length - headerBytes);
        ReserveLiterals(size);
        if (isRun)
        {
            _literals.AsSpan(0, size).Fill(block[headerBytes]);
        }
        else
        {
            block.Slice(headerBytes, size).CopyTo(_literals);
        }

        return headerBytes + stored;
    }

    private void ReserveLiterals(int size)
    {
        if (size > _literals.Length)
        {
            _literals = new byte[size];
        }

        _literalCount = size;
    }

    private int ReadHuffmanLiterals(ReadOnlySpan<byte> block, bool newTable, int format)
    {
        int headerBytes = format switch { 2 => 4, 3 => 5, _ => 3 };
        int sizeBits = format switch { 2 => 14, 3 => 18, _ => 10 };
        Require(block.Length >= headerBytes);
        ulong header = 0;
        for (int i = headerBytes - 1; i >= 0; i--)
        {
            header = (header << 8) | block[i];
        }

        int mask = (1 << sizeBits) - 1;
        int size = (int)(header >> 4) & mask, stored = (int)(header >> (4 + sizeBits)) & mask;
        Require(size <= MaxBlockBytes && stored <= block.Length - headerBytes);
        ReadOnlySpan<byte> data = block.Slice(headerBytes, stored);
        if (newTable)
        {
            _huffman = HuffmanTable.Read(data, out int tableBytes);
            data = data[tableBytes..];
        }

        HuffmanTable table = _huffman
            ?? throw new MalformedException("zstd: literals use the table of an earlier block, and there is none");
        ReserveLiterals(size);
        Span<byte> literals = _literals.AsSpan(0, size);
        if (format == 0)
        {
            table.Decode(data, literals);
        }
        else
        {
            DecodeFourStreams(table, data, literals);
        }

        return headerBytes + stored;
    }

    private static void DecodeFourStreams(HuffmanTable table, ReadOnlySpan<byte> data, Span<byte> literals)
    {
        const int Streams = 4, JumpTableBytes = 6;
        Require(data.Length >= JumpTableBytes);
        int part = (literals.Length + Streams - 1) / Streams;
        Require(part * (Streams - 1) <= literals.Length);
        ReadOnlySpan<byte> streams = data[JumpTableBytes..];
        for (int i = 0; i < Streams; i++)
        {
            bool isLast = i == Streams - 1;
            int bytes = isLast ? streams.Length : BinaryPrimitives.ReadUInt16LittleEndian(data[(2 * i)..]);
            Require(bytes <= streams.Length);
            table.Decode(streams[..bytes], isLast ? literals[(part * i)..] : literals.Slice(part * i, part));
            streams = streams[bytes..];
        }
    }

    private int ExecuteSequences(ReadOnlySpan<byte> section, Span<byte> target, int written)
    {
        int count = ReadSequenceCount(ref section);
        int literal = 0;
        if (count > 0)
        {
            ReadTables(ref section);
            written = Execute(new BackwardBits(section), count, target, written, ref literal);
        }
        else
        {
            Require(section.Length == 0);
        }

        int rest = _literalCount - literal;
        Require(rest <= target.Length - written);
        _literals.AsSpan(literal, rest).CopyTo(target[written..]);
        return written + rest;
    }

    private int Execute(BackwardBits bits, int count, Span<byte> target, int written, ref int literal)
    {
        FseTable literalTable = _literalTable!, offsetTable = _offsetTable!, matchTable = _matchTable!;
        int literalState = (int)bits.Read(literalTable.AccuracyLog);
        int offsetState = (int)bits.Read(offsetTable.AccuracyLog);
        int matchState = (int)bits.Read(matchTable.AccuracyLog);
        int blockStart = written;
        for (int i = 0; i < count; i++)
        {
            int offsetCode = offsetTable.Symbol(offsetState);
            int matchCode = matchTable.Symbol(matchState);
            int literalCode = literalTable.Symbol(literalState);
            Require(offsetCode <= SequenceCodes.MaxOffsetCode && matchCode <= SequenceCodes.MaxMatchCode
                && literalCode <= SequenceCodes.MaxLiteralCode);
            ulong offsetValue = (1UL << offsetCode) + bits.Read(offsetCode);
            int matchLength = SequenceCodes.MatchBase[matchCode] + (int)bits.Read(SequenceCodes.MatchBits[matchCode]);
            int literalLength = SequenceCodes.LiteralBase[literalCode]
                + (int)bits.Read(SequenceCodes.LiteralBits[literalCode]);
            if (i < count - 1)
            {
                literalState = literalTable.Next(literalState, bits.Read(literalTable.Bits(literalState)));
                matchState = matchTable.Next(matchState, bits.Read(matchTable.Bits(matchState)));
                offsetState = offsetTable.Next(offsetState, bits.Read(offsetTable.Bits(offsetState)));
            }

            Require(bits.Left >= 0 && literalLength <= _literalCount - literal
                && literalLength <= target.Length - written);
            _literals.AsSpan(literal, literalLength).CopyTo(target[written..]);
            literal += literalLength;
            written += literalLength;
            MatchCopy.Copy(target, written, ResolveOffset(offsetValue, literalLength), matchLength);
            written += matchLength;
            Require(written - blockStart <= MaxBlockBytes);
        }

        Require(bits.Left == 0);
        return written;
    }

    /// <summary>Values up to 3 name one of the last three offsets, counted from the second one when there are no
    /// literals.</summary>
    private int ResolveOffset(ulong value, int literalLength)
    {
        const int Repeats = 3;
        if (value > Repeats)
        {
            Require(value - Repeats <= int.MaxValue);
            _offsets = ((int)(value - Repeats), _offsets.First, _offsets.Second);
            return _offsets.First;
        }

        int choice = (int)value + (literalLength == 0 ? 1 : 0);
        _offsets = choice switch
        {
            1 => _offsets,
            2 => (_offsets.Second, _offsets.First, _offsets.Third),
            3 => (_offsets.Third, _offsets.First, _offsets.Second),
            _ => (_offsets.First - 1, _offsets.First, _offsets.Second),
        };
        return _offsets.First;
    }

    private static int ReadSequenceCount(ref ReadOnlySpan<byte> section)
    {
        Require(section.Length > 0);
        int first = section[0];
        int headerBytes = first < 128 ? 1 : first < 255 ? 2 : 3;
        Require(section.Length >= headerBytes);
        int count = headerBytes switch
        {
            1 => first,
            2 => ((first - 128) << 8) + section[1],
            _ => section[1] + (section[2] << 8) + 0x7F00,
        };
        section = section[headerBytes..];
        return count;
    }

    private void ReadTables(ref ReadOnlySpan<byte> section)
    {
        Require(section.Length > 0 && (section[0] & 3) == 0);
        int modes = section[0];
        section = section[1..];
        _literalTable = ReadTable(
            ref section, modes >> 6, _literalTable, SequenceCodes.DefaultLiterals, SequenceCodes.MaxLengthAccuracy,
            SequenceCodes.MaxLiteralCode);
        _offsetTable = ReadTable(
            ref section, (modes >> 4) & 3, _offsetTable, SequenceCodes.DefaultOffsets, SequenceCodes.MaxOffsetAccuracy,
            SequenceCodes.MaxOffsetCode);
        _matchTable = ReadTable(
            ref section, (modes >> 2) & 3, _matchTable, SequenceCodes.DefaultMatches, SequenceCodes.MaxLengthAccuracy,
            SequenceCodes.MaxMatchCode);
    }

    private static FseTable ReadTable(ref ReadOnlySpan<byte> section, int mode, FseTable? previous, FseTable standard,
        int maxAccuracy, int maxSymbol)
    {
        switch (mode)
        {
            case 0:
                return standard;
            case 1:
                Require(section.Length > 0 && section[0] <= maxSymbol);
                FseTable single = FseTable.Single(section[0]);
                section = section[1..];
                return single;
            case 2:
                FseTable table = FseTable.Read(section, maxAccuracy, maxSymbol, out int length);
                section = section[length..];
                return table;
            default:
                return previous ?? throw new MalformedException(
                    "zstd: sequences use the table of an earlier block, and there is none");
        }
    }

    private static void Require(bool condition)
    {
        if (!condition)
        {
            throw new MalformedException("zstd: a compressed block is damaged");
        }
    }
}
