using System;
using System.Buffers;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace Tbrm.Text.Tokenizers;

/// <summary>
/// A tokenizer of ours as one of Microsoft.ML.Tokenizers, so that .NET programs can count, encode and decode with it
/// where they expect that type. Special tokens in a text are recognized; none are put around it. Normalizer and
/// pre-tokenizer are inside and cannot be left out: the switches for them are ignored.
/// </summary>
/// <param name="tokenizer">The tokenizer; not changed.</param>
public sealed class MicrosoftTokenizer(ITokenizer tokenizer) : Microsoft.ML.Tokenizers.Tokenizer
{
    /// <summary>The tokenizer that does the work.</summary>
    public ITokenizer Inner => tokenizer;

    /// <inheritdoc/>
    public override string Decode(IEnumerable<int> ids) => tokenizer.Decode([.. ids]);

    /// <inheritdoc/>
    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed,
        out int charsWritten)
    {
        int[] all = [.. ids];

        // As many ids as fit; what fewer of them give is no longer.
        int fits = 0, tooMany = all.Length + 1;
        while (tooMany - fits > 1)
        {
            int count = tooMany > all.Length ? all.Length : (fits + tooMany) / 2;
            (fits, tooMany) = tokenizer.Decode(all.AsSpan(0, count)).Length <= destination.Length
                ? (count, count == all.Length ? count + 1 : tooMany) : (fits, count);
        }

        idsConsumed = fits;
        string text = tokenizer.Decode(all.AsSpan(0, fits));
        text.CopyTo(destination);
        charsWritten = text.Length;
        return idsConsumed == all.Length ? OperationStatus.Done : OperationStatus.DestinationTooSmall;
    }

    /// <inheritdoc/>
    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan,
        EncodeSettings settings)
    {
        EncodeResults<EncodedToken> tokens = EncodeToTokens(text, textSpan, settings);
        return new EncodeResults<int>
        {
            Tokens = [.. tokens.Tokens.Select(token => token.Id)],
            NormalizedText = tokens.NormalizedText,
            CharsConsumed = tokens.CharsConsumed,
        };
    }

    /// <inheritdoc/>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan,
        EncodeSettings settings)
    {
        int[] ids = tokenizer.Encode(text ?? textSpan.ToString());
        (string normalized, EncodedToken[] tokens) = Locate(ids);
        int count = Math.Min(tokens.Length, settings.MaxTokenCount);
        return new EncodeResults<EncodedToken>
        {
            Tokens = tokens[..count],
            NormalizedText = normalized,
            CharsConsumed = count == tokens.Length ? normalized.Length
                : count == 0 ? 0 : tokens[count - 1].Offset.End.Value,
        };
    }

    /// <inheritdoc/>
    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings) =>
        Math.Min(settings.MaxTokenCount, tokenizer.Encode(text ?? textSpan.ToString()).Length);

    /// <inheritdoc/>
    protected override int GetIndexByTokenCount(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings,
        bool fromEnd, out string? normalizedText, out int tokenCount)
    {
        (normalizedText, EncodedToken[] tokens) = Locate(tokenizer.Encode(text ?? textSpan.ToString()));
        tokenCount = Math.Min(tokens.Length, settings.MaxTokenCount);
        if (fromEnd)
        {
            return tokenCount == 0 ? normalizedText.Length : tokens[^tokenCount].Offset.Start.Value;
        }

        return tokenCount == 0 ? 0 : tokens[tokenCount - 1].Offset.End.Value;
    }

    /// <summary>The text that the ids spell, and where each of them stands in it (UTF-16 units). A token that begins
    /// inside of a character has it too.</summary>
    private (string Text, EncodedToken[] Tokens) Locate(int[] ids)
    {
        byte[] utf8 = [.. ids.SelectMany(id => tokenizer.IdToBytes[id].ToArray())];

        // How many UTF-16 units begin before each byte.
        int[] units = new int[utf8.Length + 1];
        for (int i = 0; i < utf8.Length; i++)
        {
            units[i + 1] = units[i] + ((utf8[i] & 0xC0) == 0x80 ? 0 : utf8[i] >= 0xF0 ? 2 : 1);
        }

        EncodedToken[] tokens = new EncodedToken[ids.Length];
        int at = 0;
        for (int i = 0; i < ids.Length; i++)
        {
            int end = at + tokenizer.IdToBytes[ids[i]].Length;
            bool inside = at < utf8.Length && (utf8[at] & 0xC0) == 0x80;
            int first = inside ? units[LeadOf(utf8, at)] : units[at];
            tokens[i] = new EncodedToken(ids[i], tokenizer.IdToToken(ids[i]) ?? "", first..units[end]);
            at = end;
        }

        return (Encoding.UTF8.GetString(utf8), tokens);
    }

    private static int LeadOf(byte[] utf8, int at)
    {
        while (at > 0 && (utf8[at] & 0xC0) == 0x80)
        {
            at--;
        }

        return at;
    }
}
