using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Security.Cryptography;
using System.Text;
using Tbrm.Core;

namespace Tbrm.Data;

/// <summary>
/// Recognises conversations seen before by 128 bits of SHA-256 over their text: 16 bytes of memory for each distinct one,
/// and no chance worth naming (below 1e-26 at a million prompts) that a new one is taken for an old one.
/// </summary>
public sealed class PromptDeduplicator
{
    private readonly HashSet<UInt128> _seen = [];

    /// <summary>Distinct conversations so far.</summary>
    public int Count => _seen.Count;

    /// <summary>Notes the conversation; false when it was there already. Ground truth and extra fields do not count.</summary>
    public bool TryAdd(IReadOnlyList<ChatMessage> messages) => _seen.Add(Hash(messages));

    private static UInt128 Hash(IReadOnlyList<ChatMessage> messages)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (ChatMessage message in messages)
        {
            Append(hash, message.Role);
            Append(hash, message.Content);
        }

        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return BinaryPrimitives.ReadUInt128LittleEndian(digest);
    }

    /// <summary>The length goes in front, so that texts cannot be cut differently and give the same bytes.</summary>
    private static void Append(IncrementalHash hash, string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, utf8.Length);
        hash.AppendData(length);
        hash.AppendData(utf8);
    }
}
