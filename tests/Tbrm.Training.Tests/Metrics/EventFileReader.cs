using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Text;
using NUnit.Framework;

namespace Tbrm.Training.Tests.Metrics;

/// <summary>One record of an event file.</summary>
internal sealed record EventRecord(double WallTime, long Step, string? FileVersion, int? SessionStatus,
    IReadOnlyDictionary<string, float> Scalars);

/// <summary>
/// Reads event files from the format's description alone: it shares neither the framing, nor the checksum (bit by bit
/// here), nor the message
/// encoder with the writer.
/// </summary>
internal static class EventFileReader
{
    public static List<EventRecord> Read(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        List<EventRecord> records = [];
        for (int at = 0; at < file.Length;)
        {
            int length = checked((int)BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(at)));
            CheckSum(file.AsSpan(at, 8), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 8)));
            ReadOnlySpan<byte> data = file.AsSpan(at + 12, length);
            CheckSum(data, BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 12 + length)));
            records.Add(Event(data));
            at += 16 + length;
        }

        return records;
    }

    /// <summary>CRC-32C by its polynomial, one bit at a time.</summary>
    public static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = 0xffffffff;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
            }
        }

        return crc ^ 0xffffffff;
    }

    private static void CheckSum(ReadOnlySpan<byte> bytes, uint masked)
    {
        uint crc = Crc(bytes);
        uint expected = unchecked(((crc >> 15) | (crc << 17)) + 0xa282ead8u);
        Assert.That(masked, Is.EqualTo(expected), "masked checksum");
    }

    private static EventRecord Event(ReadOnlySpan<byte> data)
    {
        double wall = 0;
        long step = 0;
        string? version = null;
        int? session = null;
        Dictionary<string, float> scalars = [];
        foreach ((int field, byte[] bytes, ulong number) in Fields(data))
        {
            switch (field)
            {
                case 1:
                    wall = BitConverter.UInt64BitsToDouble(number);
                    break;
                case 2:
                    step = (long)number;
                    break;
                case 3:
                    version = Encoding.UTF8.GetString(bytes);
                    break;
                case 5:
                    Summary(bytes, scalars);
                    break;
                case 7:
                    session = (int)Fields(bytes)[0].Number;
                    break;
                default:
                    Assert.Fail($"unknown field {field}");
                    break;
            }
        }

        return new(wall, step, version, session, scalars);
    }

    private static void Summary(ReadOnlySpan<byte> data, Dictionary<string, float> scalars)
    {
        foreach ((int field, byte[] bytes, ulong _) in Fields(data))
        {
            Assert.That(field, Is.EqualTo(1));
            string tag = "";
            float value = 0;
            foreach ((int part, byte[] text, ulong number) in Fields(bytes))
            {
                tag = part == 1 ? Encoding.UTF8.GetString(text) : tag;
                value = part == 2 ? BitConverter.UInt32BitsToSingle((uint)number) : value;
            }

            scalars.Add(tag, value);
        }
    }

    private static List<(int Field, byte[] Bytes, ulong Number)> Fields(ReadOnlySpan<byte> data)
    {
        List<(int, byte[], ulong)> fields = [];
        while (data.Length > 0)
        {
            ulong tag = Varint(ref data);
            int field = (int)(tag >> 3);
            switch (tag & 7)
            {
                case 0:
                    fields.Add((field, [], Varint(ref data)));
                    break;
                case 1:
                    fields.Add((field, [], BinaryPrimitives.ReadUInt64LittleEndian(data)));
                    data = data[8..];
                    break;
                case 2:
                    int length = (int)Varint(ref data);
                    fields.Add((field, data[..length].ToArray(), 0));
                    data = data[length..];
                    break;
                case 5:
                    fields.Add((field, [], BinaryPrimitives.ReadUInt32LittleEndian(data)));
                    data = data[4..];
                    break;
                default:
                    Assert.Fail($"wire type {tag & 7}");
                    break;
            }
        }

        return fields;
    }

    private static ulong Varint(ref ReadOnlySpan<byte> data)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = data[0];
            data = data[1..];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
    }
}
