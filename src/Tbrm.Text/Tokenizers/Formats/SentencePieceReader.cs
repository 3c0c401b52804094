using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Tbrm.Core.Errors;
using Tbrm.Text.Decoders;
using Tbrm.Text.Models;
using Tbrm.Text.Normalizers;
using Tbrm.Text.PreTokenizers;

namespace Tbrm.Text.Tokenizers.Formats;

/// <summary>
/// Makes a tokenizer of a SentencePiece model. Merges (Llama 2, Mistral, Gemma) become our own byte-pair model, with
/// the parts around it that transformers' converters choose; everything else (unigram models, tables of characters,
/// blanks removed) is Microsoft.ML.Tokenizers' work.
/// </summary>
internal static class SentencePieceReader
{
    private const string Blank = "▁";

    /// <summary>The parts; the configuration gets the tokens and the class that the model implies.</summary>
    /// <exception cref="DataException">The model is of a kind that is not known.</exception>
    public static TokenizerParts Read(SentencePieceFile file, TokenizerConfig config)
    {
        config.SetDefaultClass("LlamaTokenizer");
        foreach (string role in new[] { "unk_token", "bos_token", "eos_token", "pad_token" })
        {
            if (file.Role(role) is string text)
            {
                config.SetDefaultRole(role, text);
            }
        }

        Dictionary<string, int> ids = [];
        for (int id = 0; id < file.Pieces.Count; id++)
        {
            string text = file.Pieces[id].Text;
            if (!ids.TryAdd(text, id))
            {
                throw new DataException($"{file.Where}: \"{text}\" is piece {ids[text]} and piece {id}");
            }
        }

        AddedToken[] added =
        [
            .. file.Pieces.Where(piece => piece.Kind is PieceKind.Unknown or PieceKind.Control or PieceKind.UserDefined)
                .Select(piece => new AddedToken(piece.Text, Special: piece.Kind != PieceKind.UserDefined)),
        ];
        bool converts = file.IsBpe && !file.HasCharacterTable && !file.RemovesExtraBlanks && !file.BlankIsSuffix;
        return converts ? Convert(file, ids, added, config) : Wrap(file, ids, added);
    }

    private static TokenizerParts Convert(SentencePieceFile file, Dictionary<string, int> ids, AddedToken[] added,
        TokenizerConfig config)
    {
        string? unknown = file.Pieces.FirstOrDefault(piece => piece.Kind == PieceKind.Unknown).Text;
        BpeModel model = new(ids, Merges(file, ids),
            new BpeOptions(unknown, FuseUnk: true, ByteFallback: file.HasByteFallback));
        Normalizer marks = new ReplaceNormalizer(new LiteralPattern(" "), Blank);
        Normalizer prefix = new FunctionNormalizer(text => text.Length == 0 ? text : Blank + text);

        // Newer Llama tokenizers put the blank before the whole text only, which a pre-tokenizer knows.
        bool byPreTokenizer = file.AddsDummyPrefix && !config.IsLegacy;
        Rune mark = Blank.EnumerateRunes().First();
        return new TokenizerParts(
            model,
            byPreTokenizer ? null : file.AddsDummyPrefix ? new SequenceNormalizer([prefix, marks]) : marks,
            byPreTokenizer ? new MetaspacePreTokenizer(mark, PrependScheme.First, split: false) : null,
            [],
            Decoder(file),
            added);
    }

    private static TokenizerParts Wrap(SentencePieceFile file, Dictionary<string, int> ids, AddedToken[] added)
    {
        try
        {
            using MemoryStream stream = new(file.Content);
            Microsoft.ML.Tokenizers.SentencePieceTokenizer engine = Microsoft.ML.Tokenizers.SentencePieceTokenizer
                .Create(stream, addBeginningOfSentence: false, addEndOfSentence: false);
            return new TokenizerParts(
                new MicrosoftModel(engine, ids, normalizes: true), null, null, [], Decoder(file), added);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or InvalidDataException)
        {
            throw new DataException($"{file.Where}: {e.Message}", e);
        }
    }

    private static SequenceDecoder Decoder(SentencePieceFile file)
    {
        List<TokenDecoder> steps =
            [new ReplaceDecoder(new LiteralPattern(Blank), " "), new ByteFallbackDecoder(), new FuseDecoder()];
        if (file.AddsDummyPrefix)
        {
            steps.Add(new StripDecoder(new Rune(' '), 1, 0));
        }

        return new SequenceDecoder(steps);
    }

    /// <summary>
    /// Every way to cut a piece into two pieces merges, at the rank of the whole one's score: of two places the
    /// leftmost goes first, as in SentencePiece itself.
    /// </summary>
    private static MergeTable Merges(SentencePieceFile file, Dictionary<string, int> ids)
    {
        int[] order = [.. Enumerable.Range(0, file.Pieces.Count)
            .Where(id => file.Pieces[id].Kind is PieceKind.Normal or PieceKind.UserDefined or PieceKind.Unused)
            .OrderByDescending(id => file.Pieces[id].Score)];
        List<(int Left, int Right, int Rank, int Whole)> merges = [];
        for (int rank = 0; rank < order.Length; rank++)
        {
            string whole = file.Pieces[order[rank]].Text;
            for (int cut = 1; cut < whole.Length; cut++)
            {
                if (!char.IsLowSurrogate(whole[cut]) && ids.TryGetValue(whole[..cut], out int left)
                    && ids.TryGetValue(whole[cut..], out int right))
                {
                    merges.Add((left, right, rank, order[rank]));
                }
            }
        }

        MergeTable table = new(merges.Count, order.Length);
        foreach ((int left, int right, int rank, int whole) in merges)
        {
            table.Set(left, right, rank, whole);
        }

        return table;
    }
}
