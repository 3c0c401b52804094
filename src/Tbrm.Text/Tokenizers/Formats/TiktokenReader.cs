using System;
using System.Buffers.Text;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Tbrm.Core.Errors;
using Tbrm.Text.Decoders;
using Tbrm.Text.Models;
using Tbrm.Text.Patterns;
using Tbrm.Text.PreTokenizers;

namespace Tbrm.Text.Tokenizers.Formats;

/// <summary>
/// Reads tiktoken's files: a line per token, its bytes in base64 and its rank. Such a file tells neither how text is
/// cut into words nor the special tokens, so its name must be one of those known here.
/// </summary>
internal static class TiktokenReader
{
    /// <summary>What the files' names end with.</summary>
    public const string Extension = ".tiktoken";

    private const string O200k =
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
        + @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
        + @"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private const string EndOfText = "<|endoftext|>";

    private static readonly Dictionary<string, Encoding> s_known = new()
    {
        ["gpt2"] = new(() => new Gpt2WordPattern(), [(EndOfText, 50256)], null, EndOfText),
        ["r50k_base"] = new(() => new Gpt2WordPattern(), [(EndOfText, 50256)], null, EndOfText),
        ["p50k_base"] = new(() => new Gpt2WordPattern(), [(EndOfText, 50256)], null, EndOfText),
        ["cl100k_base"] = new(() => new ModernWordPattern(maxDigits: 3),
            [(EndOfText, 100257), ("<|fim_prefix|>", 100258), ("<|fim_middle|>", 100259), ("<|fim_suffix|>", 100260),
            ("<|endofprompt|>", 100276)], null, EndOfText),
        ["o200k_base"] = new(() => new RegexPattern(O200k), [(EndOfText, 199999), ("<|endofprompt|>", 200018)], null,
            EndOfText),
        ["qwen"] = new(() => new ModernWordPattern(maxDigits: 1),
            [(EndOfText, 151643), ("<|im_start|>", 151644), ("<|im_end|>", 151645),
            .. Enumerable.Range(0, 205).Select(i => (Numbered("<|extra_{0}|>", i), 151646 + i))], null, EndOfText),
        ["llama3"] = new(() => new ModernWordPattern(maxDigits: 3), Llama3Tokens(), "<|begin_of_text|>",
            "<|end_of_text|>"),
    };

    /// <summary>Whether a file's content is of this format.</summary>
    public static bool Recognizes(ReadOnlySpan<byte> content)
    {
        int end = content.IndexOf((byte)'\n');
        ReadOnlySpan<byte> line = end < 0 ? content : content[..end];
        int blank = line.IndexOf((byte)' ');
        return blank > 0 && Base64.IsValid(line[..blank]) && line.Length > blank + 1
            && line[(blank + 1)..].Trim("\r"u8).IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0;
    }

    /// <summary>The parts; the configuration gets the tokens that the encoding implies.</summary>
    /// <param name="content">The file.</param>
    /// <param name="where">Its name, for messages.</param>
    /// <param name="name">Which encoding.</param>
    /// <param name="config">What else the folder says.</param>
    /// <exception cref="DataException">The file is damaged, or its encoding is not known.</exception>
    public static TokenizerParts Read(byte[] content, string where, string name, TokenizerConfig config)
    {
        if (!s_known.TryGetValue(name, out Encoding? encoding))
        {
            throw new DataException(
                $"{where}: a tiktoken file does not say how text is cut into words; known by name are "
                + $"{string.Join(", ", s_known.Keys.Select(known => known + Extension))}; "
                + "or save a tokenizer.json beside it");
        }

        Dictionary<string, int> ids = ReadRanks(content, where);
        MergeTable merges = Merges(ids);
        HashSet<int> taken = [.. ids.Values];
        foreach ((string text, int id) in encoding.Special)
        {
            if (!taken.Add(id) || !ids.TryAdd(text, id))
            {
                throw new DataException($"{where}: {name} has {text} at {id}, and the file another token");
            }
        }

        if (encoding.Begin is string begin)
        {
            config.SetDefaultRole("bos_token", begin);
        }

        config.SetDefaultRole("eos_token", encoding.End);
        return new TokenizerParts(
            new BpeModel(ids, merges, new BpeOptions(IgnoreMerges: true)),
            null,
            new SequencePreTokenizer([new SplitPreTokenizer(encoding.Pattern(), SplitBehavior.Isolated),
                new ByteLevelPreTokenizer(addPrefixSpace: false, useRegex: false, isLast: true)]),
            encoding.Begin is string first ? [new([ids[first], null])] : [],
            new ByteLevelDecoder(),
            [.. encoding.Special.Select(token => new AddedToken(token.Text, Special: true))]);
    }

    private static string Numbered(string format, int number) =>
        string.Format(CultureInfo.InvariantCulture, format, number);

    /// <summary>The 256 special tokens of Llama 3's release, in the order of their ids.</summary>
    private static (string, int)[] Llama3Tokens()
    {
        const int First = 128_000, Count = 256;
        string Reserved(int i) => Numbered("<|reserved_special_token_{0}|>", i);
        string[] named = ["<|begin_of_text|>", "<|end_of_text|>", Reserved(0), Reserved(1), Reserved(2), Reserved(3),
            "<|start_header_id|>", "<|end_header_id|>", Reserved(4), "<|eot_id|>"];
        return [.. Enumerable.Range(0, Count)
            .Select(i => (i < named.Length ? named[i] : Reserved(i - named.Length + 5), First + i))];
    }

    private static Dictionary<string, int> ReadRanks(byte[] content, string where)
    {
        const int MaxRank = (1 << 24) - 1;
        Dictionary<string, int> ids = [];
        int number = 0;
        foreach (string line in System.Text.Encoding.ASCII.GetString(content).Split('\n'))
        {
            number++;
            string[] parts = line.TrimEnd('\r').Split(' ');
            if (parts is [""])
            {
                continue;
            }

            byte[] token = new byte[line.Length];
            if (parts.Length != 2 || !Convert.TryFromBase64String(parts[0], token, out int length) || length == 0
                || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int rank)
                || rank > MaxRank || !ids.TryAdd(Written(token.AsSpan(0, length)), rank))
            {
                throw new DataException(
                    $"{where}: line {number}: expected a new token in base64 and its rank, found \"{line}\"");
            }
        }

        return ids;
    }

    private static string Written(ReadOnlySpan<byte> token)
    {
        StringBuilder text = new(token.Length);
        foreach (byte b in token)
        {
            text.Append(ByteAlphabet.Characters[b]);
        }

        return text.ToString();
    }

    /// <summary>A pair's rank is that of the token that it makes; of two places the leftmost goes first.</summary>
    private static MergeTable Merges(Dictionary<string, int> ids)
    {
        List<(int Left, int Right, int Rank)> merges = [];
        foreach ((string whole, int rank) in ids)
        {
            for (int cut = 1; cut < whole.Length; cut++)
            {
                if (ids.TryGetValue(whole[..cut], out int left) && ids.TryGetValue(whole[cut..], out int right))
                {
                    merges.Add((left, right, rank));
                }
            }
        }

        MergeTable table = new(merges.Count, ids.Count == 0 ? 0 : ids.Values.Max() + 1);
        foreach ((int left, int right, int rank) in merges)
        {
            table.Set(left, right, rank, rank);
        }

        return table;
    }

    /// <summary>What a file's name stands for.</summary>
    private sealed record Encoding(Func<IPattern> Pattern, (string Text, int Id)[] Special, string? Begin, string End);
}
