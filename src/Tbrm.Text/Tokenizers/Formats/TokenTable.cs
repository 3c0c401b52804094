using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Text.PreTokenizers;

namespace Tbrm.Text.Tokenizers.Formats;

/// <summary>What a token is to readers of GGUF; the numbers are SentencePiece's.</summary>
public enum TokenKind
{
    /// <summary>A piece of text.</summary>
    Normal = 1,

    /// <summary>Stands for what no token holds.</summary>
    Unknown = 2,

    /// <summary>Not text: begins, ends, separates.</summary>
    Control = 3,

    /// <summary>Text that is kept whole.</summary>
    UserDefined = 4,

    /// <summary>A row of the embedding that no text leads to.</summary>
    Unused = 5,

    /// <summary>One byte, where no token holds a character.</summary>
    Byte = 6,
}

/// <summary>A tokenizer as a table, in the form that GGUF has for it.</summary>
/// <param name="Model"><c>gpt2</c> (byte-level BPE) or <c>llama</c> (SentencePiece's BPE).</param>
/// <param name="Pre">How text is cut into words, by llama.cpp's name; null for <c>llama</c>.</param>
/// <param name="Tokens">By id, as the vocabulary writes them.</param>
/// <param name="Kinds">By id.</param>
/// <param name="Scores">By id, of <c>llama</c>; else empty.</param>
/// <param name="Merges">In order, of <c>gpt2</c>; else empty.</param>
public sealed record TokenTable(string Model, string? Pre, IReadOnlyList<string> Tokens, IReadOnlyList<TokenKind> Kinds,
    IReadOnlyList<float> Scores, IReadOnlyList<string> Merges)
{
    /// <summary>Llama 3's pattern; the first takes a word that is a token as it is, as Llama 3 does, whatever the
    /// merges
    /// make of it.</summary>
    private const string Llama3 = "llama-bpe", Llama3WithMerges = "smaug-bpe";

    private static readonly Dictionary<string, string> s_pre = new(StringComparer.Ordinal)
    {
        [ModernWordPattern.Qwen2] = "qwen2",
        [ModernWordPattern.Llama3] = Llama3,
        [Gpt2WordPattern.Gpt2] = "gpt-2",
    };

    /// <summary>Ids by role: bos, eos, padding, unknown.</summary>
    public required IReadOnlyDictionary<string, int> Roles { get; init; }

    /// <summary>Whether encoding begins with the bos token.</summary>
    public required bool AddsBos { get; init; }

    /// <summary>Whether a blank is put before the text, of <c>llama</c>.</summary>
    public bool AddsBlank { get; init; }

    /// <summary>What a person should know: sentences.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Reads the tokenizer of a model folder for an embedding of <paramref name="rows"/> rows.</summary>
    /// <exception cref="DataException">GGUF has no form for it; the message names what.</exception>
    public static TokenTable Read(string folder, int rows)
    {
        TokenizerFiles files = TokenizerFiles.Read(folder);
        Tokenizer tokenizer = TokenizerLoader.Load(files);
        if (tokenizer.VocabularySize > rows)
        {
            throw new DataException(
                $"{folder}: the tokenizer has {tokenizer.VocabularySize} tokens and the embedding {rows} rows");
        }

        TokenTable table = files.TryGet("tokenizer.json", out byte[] json)
            && JsonNode.Parse(json) is JsonObject root && IsByteLevel(root)
            ? OfByteLevel(root, tokenizer, rows, files.Locate("tokenizer.json"))
            : files.TryGet("tokenizer.model", out byte[] model)
                ? OfSentencePiece(SentencePieceFile.Parse(model, files.Locate("tokenizer.model")), tokenizer, rows)
                : throw new DataException($"{folder}: GGUF cannot express this tokenizer: expected byte-level BPE in "
                    + "tokenizer.json, or SentencePiece's BPE in tokenizer.model");
        return table with
        {
            Roles = RolesOf(tokenizer),
            AddsBos = AddsBosOf(tokenizer, folder),
        };
    }

    private static bool IsByteLevel(JsonObject root) => (string?)root["model"]?["type"] == "BPE"
        && (string?)root["decoder"]?["type"] == "ByteLevel";

    private static TokenTable OfByteLevel(JsonObject root, Tokenizer tokenizer, int rows, string where)
    {
        JsonNode model = root["model"]!;
        foreach (string key in new[] { "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix" })
        {
            if (model[key] is JsonValue value && value.ToString() is not ("" or "0"))
            {
                throw Refused(where, "model." + key, value.ToJsonString());
            }
        }

        string pre = PreName(root["pre_tokenizer"], where);
        bool ignoresMerges = (bool?)model["ignore_merges"] ?? false;
        if (ignoresMerges && pre != Llama3)
        {
            throw Refused(where, "model.ignore_merges", "true");
        }

        (string[] tokens, TokenKind[] kinds) = Named(tokenizer, rows);
        return new("gpt2", pre == Llama3 && !ignoresMerges ? Llama3WithMerges : pre, tokens, kinds, [],
            [.. ((JsonArray)model["merges"]!).Select(Merge)])
        {
            Roles = new Dictionary<string, int>(),
            AddsBos = false,
            Notes = Normalizer(root["normalizer"], where),
        };

        static string Merge(JsonNode? merge) => merge is JsonArray pair ? $"{pair[0]} {pair[1]}" : merge!.ToString();
    }

    private static (string[] Tokens, TokenKind[] Kinds) Named(Tokenizer tokenizer, int rows)
    {
        string[] tokens = new string[rows];
        TokenKind[] kinds = new TokenKind[rows];
        for (int id = 0; id < rows; id++)
        {
            string? token = tokenizer.IdToToken(id);
            tokens[id] = token ?? $"[PAD{id}]";
            kinds[id] = token is null ? TokenKind.Unused
                : !tokenizer.AddedTokens.TryGetValue(id, out AddedToken? added) ? TokenKind.Normal
                : added.Special ? TokenKind.Control : TokenKind.UserDefined;
        }

        return (tokens, kinds);
    }

    /// <summary>Split by a known pattern and then bytes, or bytes with GPT-2's pattern built in.</summary>
    private static string PreName(JsonNode? preTokenizer, string where)
    {
        JsonNode?[] steps = (string?)preTokenizer?["type"] == "Sequence"
            ? [.. (JsonArray)preTokenizer["pretokenizers"]!]
            : [preTokenizer];
        JsonNode? bytes = steps[^1];
        if ((string?)bytes?["type"] != "ByteLevel" || ((bool?)bytes["add_prefix_space"] ?? true) || steps.Length > 2)
        {
            throw Refused(where, "pre_tokenizer", Shown(preTokenizer));
        }

        bool usesPattern = (bool?)bytes["use_regex"] ?? true;
        if (steps.Length == 1)
        {
            return usesPattern ? "gpt-2" : throw Refused(where, "pre_tokenizer", Shown(preTokenizer));
        }

        JsonNode? split = steps[0];
        return !usesPattern && (string?)split?["type"] == "Split" && (string?)split["behavior"] == "Isolated"
            && !((bool?)split["invert"] ?? false) && (string?)split["pattern"]?["Regex"] is { } pattern
            && s_pre.TryGetValue(pattern, out string? name) ? name
            : throw Refused(where, "pre_tokenizer", Shown(preTokenizer));
    }

    private static IReadOnlyList<string> Normalizer(JsonNode? normalizer, string where) =>
        (string?)normalizer?["type"] switch
        {
            null => [],
            "NFC" =>
                ["readers of GGUF do not apply the tokenizer's Unicode form C: a text in another form (a letter and "
                    + "its "
            + "accent apart) is encoded otherwise than here"],
            _ => throw Refused(where, "normalizer", Shown(normalizer)),
        };

    private static TokenTable OfSentencePiece(SentencePieceFile file, Tokenizer tokenizer, int rows)
    {
        if (!file.IsBpe)
        {
            throw Refused(file.Where, "model_type", "unigram");
        }

        (string[] tokens, TokenKind[] kinds) = Named(tokenizer, rows);
        float[] scores = new float[rows];
        for (int id = 0; id < rows; id++)
        {
            if (id >= file.Pieces.Count)
            {
                scores[id] = -1000;
                continue;
            }

            SentencePiece piece = file.Pieces[id];
            scores[id] = piece.Score;
            if (kinds[id] == TokenKind.Normal)
            {
                (tokens[id], kinds[id]) = (piece.Text, (TokenKind)(int)piece.Kind);
            }
        }

        return new("llama", null, tokens, kinds, scores, [])
        {
            Roles = new Dictionary<string, int>(),
            AddsBos = false,
            AddsBlank = file.AddsDummyPrefix,
        };
    }

    private static Dictionary<string, int> RolesOf(Tokenizer tokenizer)
    {
        Dictionary<string, int> roles = [];
        foreach ((string role, int? id) in new[] { ("bos", tokenizer.BosId), ("eos", tokenizer.EosId),
            ("padding", tokenizer.PadId),
                ("unknown", tokenizer.UnkToken is { } unk ? tokenizer.TokenToId(unk) : null) })
        {
            if (id is { } known)
            {
                roles[role] = known;
            }
        }

        return roles;
    }

    private static bool AddsBosOf(Tokenizer tokenizer, string folder)
    {
        int[] added = tokenizer.Encode("", addSpecialTokens: true);
        return added.Length == 0 ? false
            : added.Length == 1 && added[0] == tokenizer.BosId ? true
            : throw new DataException($"{folder}: GGUF cannot express a post-processor that adds "
                + $"{string.Join(", ", added.Select(tokenizer.IdToToken))} to an empty text; a bos token alone can be");
    }

    private static string Shown(JsonNode? node)
    {
        string text = node?.ToJsonString(new JsonSerializerOptions
        {
            Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        }) ?? "null";
        return text.Length <= 200 ? text : text[..200] + "...";
    }

    private static DataException Refused(string where, string key, string value) =>
        new($"{where}: GGUF cannot express {key} = {value}: readers know the byte-level BPE of Qwen2, "
            + "Llama 3 and GPT-2, and SentencePiece's BPE");
}
