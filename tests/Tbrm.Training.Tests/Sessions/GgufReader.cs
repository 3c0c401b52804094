using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using NUnit.Framework;

namespace Tbrm.Training.Tests.Sessions;

/// <summary>A GGUF file read by its specification, independently of what writes it: every byte is accounted
/// for.</summary>
internal sealed class GgufReader
{
    private const int Alignment = 32;

    private readonly byte[] _bytes;
    private readonly Dictionary<string, (ulong[] Dimensions, uint Type, long Offset)> _tensors = [];
    private int _at;

    public GgufReader(string path)
    {
        _bytes = File.ReadAllBytes(path);
        Assert.That(Encoding.ASCII.GetString(Take(4)), Is.EqualTo("GGUF"));
        Assert.That(U32(), Is.EqualTo(3));
        ulong tensors = U64(), settings = U64();
        for (ulong i = 0; i < settings; i++)
        {
            string key = Text();
            Settings.Add(key, Value(U32()));
        }

        List<(string Name, ulong[] Dimensions, uint Type, ulong Offset)> found = [];
        for (ulong i = 0; i < tensors; i++)
        {
            string name = Text();
            ulong[] dimensions = [.. Enumerable.Range(0, (int)U32()).Select(_ => U64())];
            found.Add((name, dimensions, U32(), U64()));
        }

        long data = Padded(_at), end = data;
        foreach ((string name, ulong[] dimensions, uint type, ulong offset) in found)
        {
            Assert.That(data + (long)offset, Is.EqualTo(end), $"{name} follows the tensor before it");
            _tensors.Add(name, (dimensions, type, end));
            end = Padded(end + ((long)dimensions.Aggregate(1UL, (a, b) => a * b) * (type == 0 ? 4 : 2)));
        }

        Assert.That(_bytes, Has.Length.EqualTo(end));
    }

    public Dictionary<string, object> Settings { get; } = [];

    public IEnumerable<string> Tensors => _tensors.Keys;

    public uint TypeOf(string tensor) => _tensors[tensor].Type;

    public ulong[] DimensionsOf(string tensor) => _tensors[tensor].Dimensions;

    public T[] List<T>(string key) => [.. ((object[])Settings[key]).Cast<T>()];

    /// <summary>Row by row.</summary>
    public float[] Values(string tensor)
    {
        (ulong[] dimensions, uint type, long offset) = _tensors[tensor];
        int n = (int)dimensions.Aggregate(1UL, (a, b) => a * b);
        ReadOnlySpan<byte> from = _bytes.AsSpan((int)offset);
        float[] values = new float[n];
        for (int i = 0; i < n; i++)
        {
            values[i] = type switch
            {
                0 => BinaryPrimitives.ReadSingleLittleEndian(from[(4 * i)..]),
                1 => (float)BinaryPrimitives.ReadHalfLittleEndian(from[(2 * i)..]),
                30 => BitConverter.UInt32BitsToSingle((uint)BinaryPrimitives.ReadUInt16LittleEndian(
                    from[(2 * i)..]) << 16),
                _ => throw new InvalidDataException($"{tensor}: type {type}"),
            };
        }

        return values;
    }

    private static long Padded(long at) => (at + Alignment - 1) / Alignment * Alignment;

    private object Value(uint type) => type switch
    {
        4 => U32(),
        5 => (int)U32(),
        6 => BitConverter.UInt32BitsToSingle(U32()),
        7 => Take(1)[0] == 1,
        8 => Text(),
        9 => List(),
        _ => throw new InvalidDataException($"type {type}"),
    };

    private object[] List()
    {
        uint type = U32();
        ulong n = U64();
        object[] values = new object[n];
        for (ulong i = 0; i < n; i++)
        {
            values[i] = Value(type);
        }

        return values;
    }

    private string Text() => Encoding.UTF8.GetString(Take((int)U64()));

    private uint U32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    private ulong U64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    private ReadOnlySpan<byte> Take(int n)
    {
        _at += n;
        return _bytes.AsSpan(_at - n, n);
    }
}
