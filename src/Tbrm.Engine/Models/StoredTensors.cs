using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Tbrm.Core.Errors;

namespace Tbrm.Engine.Models;

/// <summary>A tensor of a safetensors file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="File">The file.</param>
/// <param name="Dtype">F32, BF16, ...</param>
/// <param name="Shape">Its sizes.</param>
/// <param name="Begin">Its first byte in the file.</param>
/// <param name="Bytes">Its length.</param>
internal sealed record StoredTensor(string Name, string File, string Dtype, IReadOnlyList<long> Shape, long Begin,
    long Bytes);

/// <summary>
/// Names and shapes of what safetensors files hold, read before anything is allocated: what is there decides what is
/// built. The library checks
/// every number again when it loads; a header that cannot be read here lists nothing, and the library says what is
/// wrong with it.
/// </summary>
internal static class StoredTensors
{
    private const int MaxHeaderBytes = 100_000_000, LengthBytes = 8;

    /// <summary>The tensors of some files by name.</summary>
    /// <exception cref="DataException">Two files hold a tensor of one name: which of them counts would be
    /// chance.</exception>
    public static IReadOnlyDictionary<string, StoredTensor> Of(IEnumerable<string> files)
    {
        Dictionary<string, StoredTensor> all = new(StringComparer.Ordinal);
        foreach (StoredTensor tensor in files.SelectMany(Read))
        {
            if (!all.TryAdd(tensor.Name, tensor))
            {
                throw new DataException(
                    $"tensor '{tensor.Name}' is in two files, {all[tensor.Name].File} and {tensor.File}; expected "
                        + $"each tensor once");
            }
        }

        return all;
    }

    /// <summary>Whether two tensors hold the same bytes of the same type and shape.</summary>
    public static bool AreEqual(StoredTensor a, StoredTensor b)
    {
        if (a.Dtype != b.Dtype || a.Bytes != b.Bytes || !a.Shape.SequenceEqual(b.Shape))
        {
            return false;
        }

        using FileStream left = Open(a), right = Open(b);
        byte[] one = new byte[1 << 20], other = new byte[1 << 20];
        for (long done = 0; done < a.Bytes; done += one.Length)
        {
            int n = (int)Math.Min(one.Length, a.Bytes - done);
            left.ReadExactly(one, 0, n);
            right.ReadExactly(other, 0, n);
            if (!one.AsSpan(0, n).SequenceEqual(other.AsSpan(0, n)))
            {
                return false;
            }
        }

        return true;
    }

    private static FileStream Open(StoredTensor tensor)
    {
        FileStream stream = new(tensor.File, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        stream.Position = tensor.Begin;
        return stream;
    }

    private static IEnumerable<StoredTensor> Read(string file)
    {
        try
        {
            using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            Span<byte> first = stackalloc byte[LengthBytes];
            if (stream.ReadAtLeast(first, LengthBytes, throwOnEndOfStream: false) < LengthBytes)
            {
                return [];
            }

            long length = System.Buffers.Binary.BinaryPrimitives.ReadInt64LittleEndian(first);
            if (length is <= 0 or > MaxHeaderBytes || length > stream.Length - LengthBytes)
            {
                return [];
            }

            byte[] header = new byte[length];
            stream.ReadExactly(header);
            using JsonDocument json = JsonDocument.Parse(header);
            return [.. json.RootElement.EnumerateObject().Where(p => p.Name != "__metadata__")
                .Select(p => Entry(p, file, LengthBytes + length))];
        }
        catch (Exception e) when (
            e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException
                or IndexOutOfRangeException or EndOfStreamException)
        {
            return [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"cannot read {file}: {e.Message}", e);
        }
    }

    private static StoredTensor Entry(JsonProperty property, string file, long data)
    {
        JsonElement offsets = property.Value.GetProperty("data_offsets");
        long begin = offsets[0].GetInt64();
        return new(property.Name, file, property.Value.GetProperty("dtype").GetString()!,
            [.. property.Value.GetProperty("shape").EnumerateArray().Select(s => s.GetInt64())], data
                + begin, offsets[1].GetInt64() - begin);
    }
}
