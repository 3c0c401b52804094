using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using Tbrm.Core.Errors;
using Tbrm.Text.Decoders;
using Tbrm.Text.Models;
using Tbrm.Text.Normalizers;
using Tbrm.Text.PreTokenizers;
using Tbrm.Text.Unicode;

namespace Tbrm.Text.Tokenizers.Formats;

/// <summary>
/// Reads BERT's <c>vocab.txt</c>: a token per line, its number the id. Words are cut by Microsoft.ML.Tokenizers'
/// WordPiece; what stands before it (clean-up, accents, Chinese characters) is done here as Hugging Face does it.
/// </summary>
internal static class WordPieceReader
{
    private const string Continuing = "##";

    private static readonly (string Role, string Text)[] s_roles =
        [("unk_token", "[UNK]"), ("sep_token", "[SEP]"), ("pad_token", "[PAD]"), ("cls_token", "[CLS]"),
        ("mask_token", "[MASK]")];

    /// <summary>The parts; the configuration gets the tokens that BERT has.</summary>
    /// <exception cref="DataException">The file is damaged, or lacks the token for what is unknown.</exception>
    public static TokenizerParts Read(byte[] content, string where, TokenizerConfig config)
    {
        config.SetDefaultClass("BertTokenizer");
        Dictionary<string, int> ids = ReadWords(content, where);
        foreach ((string role, string text) in s_roles.Where(role => ids.ContainsKey(role.Text)))
        {
            config.SetDefaultRole(role, text);
        }

        string unknown = config.Role("unk_token") ?? "[UNK]";
        if (!ids.ContainsKey(unknown))
        {
            throw new DataException($"{where}: expected the token {unknown} for what is unknown, found none");
        }

        using MemoryStream stream = new(content);
        Microsoft.ML.Tokenizers.WordPieceTokenizer engine = Microsoft.ML.Tokenizers.WordPieceTokenizer.Create(stream,
            new() { UnknownToken = unknown, ContinuingSubwordPrefix = Continuing, MaxInputCharsPerWord = 100 });
        return new TokenizerParts(
            new MicrosoftModel(engine, ids, normalizes: false),
            new FunctionNormalizer(text => Normalize(text, config)),
            new SequencePreTokenizer([new SplitPreTokenizer(RunePattern.Spaces, SplitBehavior.Removed),
                new SplitPreTokenizer(RunePattern.Punctuation, SplitBehavior.Isolated)]),
            ids.TryGetValue(config.Role("cls_token") ?? "", out int first)
                && ids.TryGetValue(config.Role("sep_token") ?? "", out int last) ? [new([first, null, last])] : [],
            new WordPieceDecoder(Continuing),
            [.. s_roles.Where(role => ids.ContainsKey(config.Role(role.Role) ?? ""))
                .Select(role => new AddedToken(config.Role(role.Role)!, Special: true))]);
    }

    private static Dictionary<string, int> ReadWords(byte[] content, string where)
    {
        using StreamReader reader = new(new MemoryStream(content), new UTF8Encoding(false, throwOnInvalidBytes: true));
        Dictionary<string, int> ids = [];
        try
        {
            for (int line = 0; reader.ReadLine() is string word; line++)
            {
                if (!ids.TryAdd(word, line))
                {
                    throw new DataException($"{where}: line {line + 1}: \"{word}\" is in line {ids[word] + 1} already");
                }
            }
        }
        catch (DecoderFallbackException e)
        {
            throw new DataException($"{where}: expected UTF-8: {e.Message}", e);
        }

        return ids;
    }

    /// <summary>BERT's four steps: clean-up, Chinese characters apart, accents off, lower case.</summary>
    private static string Normalize(string text, TokenizerConfig config)
    {
        StringBuilder output = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool blank = rune.Value is '\t' or '\n' or '\r' || RuneClass.IsSpace(rune.Value);
            if (!blank && (rune.Value is 0 or 0xFFFD || IsControl(rune)))
            {
                continue;
            }

            bool apart = config.CutsChinese && IsChinese(rune.Value);
            output.Append(apart ? " " : "").Append(blank ? " " : rune.ToString()).Append(apart ? " " : "");
        }

        string cleaned = output.ToString();
        if (config.StripsAccents ?? config.LowersCase)
        {
            StringBuilder plain = new(cleaned.Length);
            foreach (Rune rune in UnicodeNormalization.Nfd(cleaned).EnumerateRunes())
            {
                bool accent = Rune.GetUnicodeCategory(rune) == UnicodeCategory.NonSpacingMark;
                plain.Append(accent ? "" : rune.ToString());
            }

            cleaned = plain.ToString();
        }

        return config.LowersCase ? TextFunctions.Lowercase(cleaned) : cleaned;
    }

    private static bool IsControl(Rune rune) => Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.PrivateUse;

    private static bool IsChinese(int c) => c is (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF)
        or (>= 0x20000 and <= 0x2A6DF) or (>= 0x2A700 and <= 0x2B73F) or (>= 0x2B740 and <= 0x2B81F)
        or (>= 0x2B920 and <= 0x2CEAF) or (>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F);
}

/// <summary>Joins the pieces of words and puts blanks between words, except before marks that follow a word
/// directly.</summary>
internal sealed class WordPieceDecoder(string continuing) : TokenDecoder
{
    private static readonly (string Found, string Written)[] s_marks =
    [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
        (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ];

    /// <inheritdoc/>
    public override List<string> Decode(List<string> tokens)
    {
        List<string> output = [];
        foreach (string token in tokens)
        {
            output.Add(Marks(output.Count == 0 ? token : Joined(token)));
        }

        return output;
    }

    /// <inheritdoc/>
    public override byte[] BytesOf(byte[] utf8) =>
        Encoding.UTF8.GetBytes(Marks(Joined(Encoding.UTF8.GetString(utf8))));

    private string Joined(string token) =>
        token.StartsWith(continuing, StringComparison.Ordinal) ? token[continuing.Length..] : " " + token;

    private static string Marks(string text) =>
        s_marks.Aggregate(text, (t, mark) => t.Replace(mark.Found, mark.Written, StringComparison.Ordinal));
}
