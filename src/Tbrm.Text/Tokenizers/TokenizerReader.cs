using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Tbrm.Core.Errors;
using Tbrm.Text.Decoders;
using Tbrm.Text.Json;
using Tbrm.Text.Models;
using Tbrm.Text.Normalizers;
using Tbrm.Text.PostProcessors;
using Tbrm.Text.PreTokenizers;

namespace Tbrm.Text.Tokenizers;

/// <summary>The parts of a tokenizer, whichever files they came from.</summary>
internal sealed record TokenizerParts(
    TokenModel Model,
    Normalizer? Normalizer,
    PreTokenizer? PreTokenizer,
    IReadOnlyList<IdTemplate> Templates,
    TokenDecoder? Decoder,
    IReadOnlyList<AddedToken> AddedTokens);

/// <summary>Reads <c>tokenizer.json</c>.</summary>
internal static class TokenizerReader
{
    /// <summary>Higher ids than any model has: a corrupt one must not cost gigabytes of tables.</summary>
    private const int MaxId = (1 << 24) - 1;

    /// <summary>Reads a whole file.</summary>
    public static TokenizerParts Read(JsonView root)
    {
        if (root.GetString("version") is string version and not "1.0")
        {
            throw root.Get("version").Fail($"expected version 1.0, found {version}");
        }

        return new TokenizerParts(
            ReadModel(root.Get("model")),
            root.TryGet("normalizer", out JsonView normalizer) ? ComponentReader.ReadNormalizer(normalizer) : null,
            root.TryGet("pre_tokenizer", out JsonView preTokenizer) ? ComponentReader.ReadPreTokenizer(preTokenizer)
                : null,
            root.TryGet("post_processor", out JsonView post) ? ComponentReader.ReadPostProcessors(post) : [],
            root.TryGet("decoder", out JsonView decoder) ? ComponentReader.ReadDecoder(decoder) : null,
            root.TryGet("added_tokens", out JsonView added) ? [.. added.Items().Select(ReadAddedToken)] : []);
    }

    /// <summary>One added token: an object with <c>content</c> and flags.</summary>
    public static AddedToken ReadAddedToken(JsonView view)
    {
        bool special = view.GetBool("special", false);
        return new AddedToken(
            view.Get("content").AsString(),
            special,
            view.GetBool("normalized", !special),
            view.GetBool("single_word", false),
            view.GetBool("lstrip", false),
            view.GetBool("rstrip", false));
    }

    /// <summary>A token id.</summary>
    public static int Id(JsonView view)
    {
        int id = view.AsCount();
        return id <= MaxId ? id : throw view.Unexpected($"an id of at most {MaxId}");
    }

    /// <summary>A vocabulary: token to id.</summary>
    public static Dictionary<string, int> ReadVocabulary(JsonView view)
    {
        Dictionary<string, int> ids = [];
        foreach ((string token, JsonView id) in view.Members())
        {
            ids[token] = Id(id);
        }

        return ids;
    }

    /// <summary>Merges in the order of their rank, checked against the vocabulary.</summary>
    public static MergeTable BuildMerges(
        IReadOnlyList<(string Left, string Right)> merges, Dictionary<string, int> ids, int prefixLength,
            Func<int, string> locate)
    {
        MergeTable table = new(merges.Count);
        for (int rank = 0; rank < merges.Count; rank++)
        {
            (string left, string right) = merges[rank];
            if (right.Length < prefixLength)
            {
                throw new DataException($"{locate(rank)}: \"{right}\" is shorter than the continuing_subword_prefix");
            }

            table.Set(
                IdOf(left, ids, locate, rank),
                IdOf(right, ids, locate, rank),
                rank,
                IdOf(left + right[prefixLength..], ids, locate, rank));
        }

        return table;
    }

    private static int IdOf(string token, Dictionary<string, int> ids, Func<int, string> locate, int rank)
    {
        return ids.TryGetValue(token, out int id)
            ? id
            : throw new DataException(
                $"{locate(rank)}: the merge needs the token \"{token}\", which the vocabulary lacks");
    }

    private static BpeModel ReadModel(JsonView model)
    {
        string type = model.GetString("type") ?? "BPE";
        if (type != "BPE")
        {
            throw model.Get("type").Fail($"expected the model BPE, found {type}: only byte-pair encoding is supported");
        }

        if (model.TryGet("dropout", out JsonView dropout)
            && !(dropout.Kind == JsonValueKind.Number && dropout.Element.GetDouble() == 0))
        {
            throw dropout.Fail("expected null or 0: with dropout the same text would get different ids each time");
        }

        BpeOptions options = new(
            model.GetString("unk_token"),
            model.GetBool("fuse_unk", false),
            model.GetBool("byte_fallback", false),
            model.GetBool("ignore_merges", false),
            model.GetString("continuing_subword_prefix") ?? "",
            model.GetString("end_of_word_suffix") ?? "");
        Dictionary<string, int> ids = ReadVocabulary(model.Get("vocab"));
        if (options.UnkToken != null && !ids.ContainsKey(options.UnkToken))
        {
            throw model.Get("unk_token").Fail($"the vocabulary lacks \"{options.UnkToken}\"");
        }

        JsonView merges = model.Get("merges");
        List<(string, string)> pairs = [.. merges.Items().Where(NotVersionLine).Select(ReadMerge)];
        MergeTable table = BuildMerges(
            pairs, ids, options.ContinuingSubwordPrefix.Length, rank => merges.Fail($"merge {rank}").Message);
        return new BpeModel(ids, table, options);
    }

    /// <summary>Files converted from merges.txt may carry its first line along.</summary>
    private static bool NotVersionLine(JsonView merge)
    {
        return merge.Kind != JsonValueKind.String || !merge.AsString().StartsWith("#version", StringComparison.Ordinal);
    }

    private static (string Left, string Right) ReadMerge(JsonView merge)
    {
        if (merge.Kind == JsonValueKind.Array)
        {
            string[] pair = [.. merge.Items().Select(item => item.AsString())];
            return pair.Length == 2 ? (pair[0], pair[1]) : throw merge.Unexpected("two tokens");
        }

        string text = merge.AsString();
        int blank = text.IndexOf(' ', StringComparison.Ordinal);
        return blank >= 0 && text.IndexOf(' ', blank + 1) < 0
            ? (text[..blank], text[(blank + 1)..])
            : throw merge.Unexpected("two tokens with one blank between them");
    }
}
