using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;

namespace Tbrm.Engine.Gguf;

/// <summary>How a tensor's elements are stored.</summary>
public enum GgufType
{
    /// <summary>4 bytes each.</summary>
    F32 = 0,

    /// <summary>2 bytes, IEEE half precision.</summary>
    F16 = 1,

    /// <summary>2 bytes, the upper half of an fp32.</summary>
    Bf16 = 30,
}

/// <summary>
/// A file of GGUF's version 3 while it is put together: settings by key, and tensors whose values are asked for when
/// they are written, one after another. Little-endian; tensors begin at multiples of 32 bytes.
/// Source: the format's specification in ggml's documentation (docs/gguf.md).
/// </summary>
public sealed class GgufFile
{
    private const int Version = 3, Alignment = 32;

    private readonly List<(string Key, ValueType Type, Action<BinaryWriter> Write)> _settings = [];
    private readonly List<Tensor> _tensors = [];

    /// <summary>The numbers that the format gives to its types.</summary>
    private enum ValueType : uint
    {
        U32 = 4,
        I32 = 5,
        F32 = 6,
        Bool = 7,
        String = 8,
        Array = 9,
    }

    /// <summary>Adds a setting.</summary>
    public void Set(string key, uint value) => _settings.Add((key, ValueType.U32, w => w.Write(value)));

    /// <summary>Adds a setting.</summary>
    public void Set(string key, float value) => _settings.Add((key, ValueType.F32, w => w.Write(value)));

    /// <summary>Adds a setting.</summary>
    public void Set(string key, bool value) => _settings.Add((key, ValueType.Bool, w => w.Write(value)));

    /// <summary>Adds a setting.</summary>
    public void Set(string key, string value) => _settings.Add((key, ValueType.String, w => Write(w, value)));

    /// <summary>Adds a list.</summary>
    public void Set(string key, IReadOnlyList<string> values) => SetList(key, ValueType.String, values, Write);

    /// <summary>Adds a list.</summary>
    public void Set(string key, IReadOnlyList<int> values) => SetList(key, ValueType.I32, values, (w, v) => w.Write(v));

    /// <summary>Adds a list.</summary>
    public void Set(string key, IReadOnlyList<float> values) =>
        SetList(key, ValueType.F32, values, (w, v) => w.Write(v));

    /// <summary>Adds a tensor of rows x columns (columns 0: a vector of so many rows).</summary>
    /// <param name="name">GGUF's.</param>
    /// <param name="rows">Rows, or the length of a vector.</param>
    /// <param name="columns">Columns; 0 for a vector.</param>
    /// <param name="type">How it is stored.</param>
    /// <param name="values">Gives rows * max(columns, 1) numbers, row by row, when they are written.</param>
    public void Add(string name, long rows, long columns, GgufType type, Func<float[]> values) =>
        _tensors.Add(new(name, rows, columns, type, values));

    /// <summary>Writes the whole file.</summary>
    /// <exception cref="OverflowException">A value does not fit its type; the message names the tensor.</exception>
    public void WriteTo(Stream stream)
    {
        using BinaryWriter writer = new(stream, Encoding.UTF8, leaveOpen: true);
        writer.Write("GGUF"u8);
        writer.Write(Version);
        writer.Write((ulong)_tensors.Count);
        writer.Write((ulong)_settings.Count);
        long position = 24;
        foreach ((string key, ValueType type, Action<BinaryWriter> write) in _settings)
        {
            using MemoryStream setting = new();
            using BinaryWriter inner = new(setting);
            Write(inner, key);
            inner.Write((uint)type);
            write(inner);
            writer.Write(setting.GetBuffer().AsSpan(0, (int)setting.Length));
            position += setting.Length;
        }

        long offset = 0;
        foreach (Tensor tensor in _tensors)
        {
            Write(writer, tensor.Name);
            writer.Write(tensor.Columns == 0 ? 1u : 2u);
            // The dimension that changes fastest comes first.
            if (tensor.Columns != 0)
            {
                writer.Write((ulong)tensor.Columns);
            }

            writer.Write((ulong)tensor.Rows);
            writer.Write((uint)tensor.Type);
            writer.Write((ulong)offset);
            position += 8 + Encoding.UTF8.GetByteCount(tensor.Name) + 4 + (tensor.Columns == 0 ? 8 : 16) + 4 + 8;
            offset += Padded(tensor.Bytes);
        }

        Pad(writer, position);
        foreach (Tensor tensor in _tensors)
        {
            WriteValues(writer, tensor);
            Pad(writer, tensor.Bytes);
        }
    }

    private static void WriteValues(BinaryWriter writer, Tensor tensor)
    {
        float[] values = tensor.Values();
        if (values.LongLength != tensor.Elements)
        {
            throw new InvalidOperationException(
                $"{tensor.Name}: {values.LongLength} values for {tensor.Elements} elements");
        }

        if (tensor.Type == GgufType.F32)
        {
            for (int at = 0; at < values.Length; at += 1 << 24)
            {
                writer.Write(MemoryMarshal.AsBytes(values.AsSpan(at, Math.Min(1 << 24, values.Length - at))));
            }

            return;
        }

        byte[] block = new byte[1 << 16];
        for (int at = 0; at < values.Length; at += block.Length / 2)
        {
            int n = Math.Min(block.Length / 2, values.Length - at);
            for (int i = 0; i < n; i++)
            {
                BinaryPrimitives.WriteUInt16LittleEndian(block.AsSpan(2 * i), tensor.Type == GgufType.F16
                    ? HalfBits(values[at + i], tensor.Name) : Bf16Bits(values[at + i]));
            }

            writer.Write(block.AsSpan(0, 2 * n));
        }
    }

    private static ushort HalfBits(float value, string name)
    {
        Half half = (Half)value;
        return Half.IsInfinity(half) && float.IsFinite(value)
            ? throw new OverflowException($"{name} holds {value}, which float16 cannot (65504 at most)")
            : BitConverter.HalfToUInt16Bits(half);
    }

    /// <summary>Rounded to nearest, ties to even; a NaN stays one.</summary>
    private static ushort Bf16Bits(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40)
            : (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }

    private static long Padded(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    private static void Pad(BinaryWriter writer, long written) => writer.Write(new byte[Padded(written) - written]);

    private static void Write(BinaryWriter writer, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((ulong)bytes.Length);
        writer.Write(bytes);
    }

    private void SetList<T>(string key, ValueType type, IReadOnlyList<T> values, Action<BinaryWriter, T> write) =>
        _settings.Add((key, ValueType.Array, w =>
        {
            w.Write((uint)type);
            w.Write((ulong)values.Count);
            foreach (T value in values)
            {
                write(w, value);
            }
        }
    ));

    private sealed record Tensor(string Name, long Rows, long Columns, GgufType Type, Func<float[]> Values)
    {
        public long Elements => Rows * Math.Max(Columns, 1);

        public long Bytes => Elements * (Type == GgufType.F32 ? 4 : 2);
    }
}
