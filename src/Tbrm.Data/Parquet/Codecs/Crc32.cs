using System;
using System.Buffers.Binary;

namespace Tbrm.Data.Parquet.Codecs;

/// <summary>The CRC-32 of gzip and Ethernet (polynomial 0xEDB88320, reflected), eight bytes a step.</summary>
internal static class Crc32
{
    private const uint Polynomial = 0xEDB88320;
    private const int Tables = 8;
    private const int TableSize = 256;

    private static readonly uint[] s_tables = CreateTables();

    public static uint Compute(ReadOnlySpan<byte> data)
    {
        uint[] t = s_tables;
        uint crc = uint.MaxValue;
        for (; data.Length >= Tables; data = data[Tables..])
        {
            ulong word = BinaryPrimitives.ReadUInt64LittleEndian(data) ^ crc;
            crc = t[(7 * TableSize) + (int)(word & 0xFF)] ^ t[(6 * TableSize) + (int)((word >> 8) & 0xFF)]
                ^ t[(5 * TableSize) + (int)((word >> 16) & 0xFF)] ^ t[(4 * TableSize) + (int)((word >> 24) & 0xFF)]
                ^ t[(3 * TableSize) + (int)((word >> 32) & 0xFF)] ^ t[(2 * TableSize) + (int)((word >> 40) & 0xFF)]
                ^ t[TableSize + (int)((word >> 48) & 0xFF)] ^ t[(int)(word >> 56)];
        }

        foreach (byte value in data)
        {
            crc = (crc >> 8) ^ t[(int)((crc ^ value) & 0xFF)];
        }

        return ~crc;
    }

    private static uint[] CreateTables()
    {
        uint[] tables = new uint[Tables * TableSize];
        for (int i = 0; i < TableSize; i++)
        {
            uint crc = (uint)i;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ Polynomial : crc >> 1;
            }

            tables[i] = crc;
        }

        for (int i = TableSize; i < tables.Length; i++)
        {
            uint previous = tables[i - TableSize];
            tables[i] = (previous >> 8) ^ tables[previous & 0xFF];
        }

        return tables;
    }
}
