using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Security.Cryptography;
using System.Text;
using Tbrm.Core.Prompts;

namespace Tbrm.Data.Prompts;

/// <summary>
/// Recognises conversations seen before by 128 bits of SHA-256 over their text: 16 bytes of memory for each distinct
/// one,
/// and no chance worth naming (below 1e-26 at a million prompts) that a new one is taken for an old one.
/// </summary>
public sealed class PromptDeduplicator
{
    private readonly HashSet<UInt128> _seen = [];

    /// <summary>Distinct conversations so far.</summary>
    public int Count => _seen.Count;

    /// <summary>Notes the conversation and what else the template sees; false when it was there already. Ground truth
    /// and extra info do not count.</summary>
    public bool TryAdd(Prompt prompt) => _seen.Add(Hash(prompt));

    private static UInt128 Hash(Prompt prompt)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (ChatMessage message in prompt.Messages)
        {
            Append(hash, message.Role);
            Append(hash, message.Content);
            Append(hash, message.Fields ?? "");
        }

        Append(hash, prompt.Variables.Json);

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
