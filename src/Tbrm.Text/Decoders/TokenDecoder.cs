using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using Tbrm.Text.Normalizers;
using Tbrm.Text.Patterns;
using Tbrm.Text.PreTokenizers;

namespace Tbrm.Text.Decoders;

/// <summary>One step from token strings back to text: a list of strings in, a list of strings out.</summary>
internal abstract class TokenDecoder
{
    /// <summary>Rewrites the tokens.</summary>
    public abstract List<string> Decode(List<string> tokens);

    /// <summary>The bytes that one token stands for inside a text, whatever its neighbours.</summary>
    public virtual byte[] BytesOf(byte[] utf8) =>
        Encoding.UTF8.GetBytes(string.Concat(Decode([Encoding.UTF8.GetString(utf8)])));
}

/// <summary>Bytes in <see cref="ByteAlphabet"/>, joined and read as UTF-8 once, so that a character may span
/// tokens.</summary>
internal sealed class ByteLevelDecoder : TokenDecoder
{
    /// <inheritdoc/>
    public override List<string> Decode(List<string> tokens)
    {
        List<byte> bytes = [];
        foreach (string token in tokens)
        {
            bytes.AddRange(ByteAlphabet.Decode(token));
        }

        return [Encoding.UTF8.GetString([.. bytes])];
    }

    /// <inheritdoc/>
    public override byte[] BytesOf(byte[] utf8) => ByteAlphabet.Decode(Encoding.UTF8.GetString(utf8));
}

/// <summary>Several decoders, one after the other.</summary>
internal sealed class SequenceDecoder(IReadOnlyList<TokenDecoder> steps) : TokenDecoder
{
    /// <inheritdoc/>
    public override List<string> Decode(List<string> tokens)
    {
        foreach (TokenDecoder step in steps)
        {
            tokens = step.Decode(tokens);
        }

        return tokens;
    }

    /// <inheritdoc/>
    public override byte[] BytesOf(byte[] utf8)
    {
        foreach (TokenDecoder step in steps)
        {
            byte[] before = utf8;
            utf8 = step.BytesOf(utf8);
            if (step is ByteFallbackDecoder && utf8.Length != before.Length)
            {
                // A byte token is a byte from here on; the later steps work on text.
                return utf8;
            }
        }

        return utf8;
    }
}

/// <summary>Joins all tokens into one.</summary>
internal sealed class FuseDecoder : TokenDecoder
{
    /// <inheritdoc/>
    public override List<string> Decode(List<string> tokens) => [string.Concat(tokens)];
}

/// <summary>Replaces every match of a pattern in every token.</summary>
internal sealed class ReplaceDecoder(IPattern pattern, string content) : TokenDecoder
{
    /// <inheritdoc/>
    public override List<string> Decode(List<string> tokens) =>
        tokens.ConvertAll(token => Replacement.Apply(pattern, content, token));
}

/// <summary>Cuts a character off the ends of every token, at most so many times.</summary>
internal sealed class StripDecoder(Rune content, int start, int stop) : TokenDecoder
{
    /// <inheritdoc/>
    public override List<string> Decode(List<string> tokens) => tokens.ConvertAll(Strip);

    /// <inheritdoc/>
    public override byte[] BytesOf(byte[] utf8) => utf8;

    private string Strip(string token)
    {
        string unit = content.ToString();
        int from = 0;
        for (int i = 0; i < start && string.CompareOrdinal(token, from, unit, 0, unit.Length) == 0; i++)
        {
            from += unit.Length;
        }

        int to = token.Length;
        for (int i = 0; i < stop && to - unit.Length >= 0
            && string.CompareOrdinal(token, to - unit.Length, unit, 0, unit.Length) == 0; i++)
        {
            to -= unit.Length;
        }

        return from <= to ? token[from..to] : "";
    }
}

/// <summary>Turns runs of &lt;0x..&gt; tokens into the characters that they spell; a run that spells none gives a
/// U+FFFD per byte.</summary>
internal sealed class ByteFallbackDecoder : TokenDecoder
{
    private static readonly UTF8Encoding s_strict = new(false, true);

    /// <inheritdoc/>
    public override List<string> Decode(List<string> tokens)
    {
        List<string> output = [];
        List<byte> run = [];
        foreach (string token in tokens)
        {
            if (TryByte(token, out byte value))
            {
                run.Add(value);
                continue;
            }

            Flush(run, output);
            output.Add(token);
        }

        Flush(run, output);
        return output;
    }

    /// <inheritdoc/>
    public override byte[] BytesOf(byte[] utf8) => TryByte(Encoding.UTF8.GetString(utf8), out byte value) ? [value]
        : utf8;

    private static void Flush(List<byte> run, List<string> output)
    {
        if (run.Count == 0)
        {
            return;
        }

        try
        {
            output.Add(s_strict.GetString([.. run]));
        }
        catch (DecoderFallbackException)
        {
            for (int i = 0; i < run.Count; i++)
            {
                output.Add("\uFFFD");
            }
        }

        run.Clear();
    }

    private static bool TryByte(string token, out byte value)
    {
        value = 0;
        return token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
            && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
                out value);
    }
}

/// <summary>Metaspace's mark becomes a blank; at the very start it goes, unless it was never put there.</summary>
internal sealed class MetaspaceDecoder(Rune mark, bool prepended) : TokenDecoder
{
    private readonly string _mark = mark.ToString();

    /// <inheritdoc/>
    public override List<string> Decode(List<string> tokens)
    {
        List<string> output = [];
        foreach (string token in tokens)
        {
            output.Add(token.Replace(_mark, output.Count == 0 && prepended ? "" : " ", StringComparison.Ordinal));
        }

        return output;
    }

    /// <inheritdoc/>
    public override byte[] BytesOf(byte[] utf8)
    {
        return Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(utf8).Replace(_mark, " ", StringComparison.Ordinal));
    }
}

/// <summary>BPEDecoder: the end-of-word suffix becomes a blank, on the last token nothing.</summary>
internal sealed class SuffixDecoder(string suffix) : TokenDecoder
{
    /// <inheritdoc/>
    public override List<string> Decode(List<string> tokens)
    {
        List<string> output = [];
        for (int i = 0; i < tokens.Count; i++)
        {
            output.Add(suffix.Length == 0 ? tokens[i]
                : tokens[i].Replace(suffix, i + 1 == tokens.Count ? "" : " ", StringComparison.Ordinal));
        }

        return output;
    }

    /// <inheritdoc/>
    public override byte[] BytesOf(byte[] utf8)
    {
        return suffix.Length == 0 ? utf8
            : Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(utf8).Replace(suffix, " ", StringComparison.Ordinal));
    }
}
