using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Tbrm.Core.Errors;
using Tbrm.Text.Decoders;
using Tbrm.Text.Tokenizers.Formats;
using Tbrm.Text.Json;
using Tbrm.Text.Models;
using Tbrm.Text.Normalizers;
using Tbrm.Text.PostProcessors;
using Tbrm.Text.PreTokenizers;
using Tbrm.Text.Unicode;

namespace Tbrm.Text.Tokenizers;

/// <summary>Puts a tokenizer together from its files.</summary>
internal static class TokenizerLoader
{
    /// <summary>Reads <c>tokenizer.json</c> when it is there, else <c>vocab.json</c> and <c>merges.txt</c>, else what
    /// other programs left: <c>tokenizer.model</c>, <c>*.tiktoken</c>, <c>vocab.txt</c>.</summary>
    public static Tokenizer Load(TokenizerFiles files)
    {
        TokenizerConfig config = TokenizerConfig.Read(files);
        if (files.TryGetJson("tokenizer.json", out JsonView root))
        {
            return new Tokenizer(files, TokenizerReader.Read(root), config);
        }

        if (files.TryGet("vocab.json", out _) && files.TryGet("merges.txt", out _))
        {
            return new Tokenizer(files, ReadPair(files, config), config);
        }

        return ReadForeign(files, config) is TokenizerParts parts ? new Tokenizer(files, parts, config)
            : throw new DataException($"{files.Origin}: expected tokenizer.json, vocab.json and merges.txt, "
                + "tokenizer.model, *.tiktoken or vocab.txt, found "
                + $"{(string.Join(", ", files.Names) is { Length: > 0 } names ? names : "none of them")}");
    }

    private static TokenizerParts? ReadForeign(TokenizerFiles files, TokenizerConfig config)
    {
        if (files.TryGet("tokenizer.model", out byte[] model))
        {
            // Llama 3's own release calls tiktoken's format by SentencePiece's name.
            string where = files.Locate("tokenizer.model");
            return TiktokenReader.Recognizes(model) ? TiktokenReader.Read(model, where, "llama3", config)
                : SentencePieceReader.Read(SentencePieceFile.Parse(model, where), config);
        }

        string? tiktoken = files.Names.FirstOrDefault(
            name => name.EndsWith(TiktokenReader.Extension, StringComparison.Ordinal));
        if (tiktoken is not null && files.TryGet(tiktoken, out byte[] ranks))
        {
            return TiktokenReader.Read(ranks, files.Locate(tiktoken), tiktoken[..^TiktokenReader.Extension.Length],
                config);
        }

        return files.TryGet("vocab.txt", out byte[] words)
            ? WordPieceReader.Read(words, files.Locate("vocab.txt"), config) : null;
    }

    /// <summary>The pre-tokenizer and the default special token follow the Python class, since the two files do not
    /// say.</summary>
    private static TokenizerParts ReadPair(TokenizerFiles files, TokenizerConfig config)
    {
        files.TryGetJson("vocab.json", out JsonView vocabulary);
        Dictionary<string, int> ids = TokenizerReader.ReadVocabulary(vocabulary);
        string mergesFile = files.Locate("merges.txt");
        List<(int Line, string Left, string Right)> lines = ReadMerges(files, mergesFile);
        MergeTable merges = TokenizerReader.BuildMerges(
            lines.ConvertAll(line => (line.Left, line.Right)), ids, 0, rank =>
                $"{mergesFile}: line {lines[rank].Line}");
        bool qwen = config.TokenizerClass == "Qwen2Tokenizer";
        if (qwen || config.TokenizerClass is null or "GPT2Tokenizer" or "PreTrainedTokenizer")
        {
            SetDefaults(config, ids, qwen);
            PreTokenizer bytes = new ByteLevelPreTokenizer(config.AddPrefixSpace, useRegex: !qwen, isLast: true);
            PreTokenizer words = new SplitPreTokenizer(new ModernWordPattern(maxDigits: 1), SplitBehavior.Isolated);
            return new TokenizerParts(
                new BpeModel(ids, merges, new BpeOptions()),
                qwen ? new FunctionNormalizer(UnicodeNormalization.Nfc) : null,
                qwen ? new SequencePreTokenizer([words, bytes]) : bytes,
                config.AddBosToken == true && ids.TryGetValue(config.Role("bos_token") ?? "", out int bos)
                    ? [new IdTemplate([bos, null])] : [],
                new ByteLevelDecoder(),
                []);
        }

        throw new DataException(
            $"{files.Locate("tokenizer_config.json")}: $.tokenizer_class: {config.TokenizerClass} is not known to be "
            + "byte-level with vocab.json and merges.txt (known: GPT2Tokenizer, Qwen2Tokenizer); save the fast "
            + "tokenizer's tokenizer.json beside them");
    }

    private static void SetDefaults(TokenizerConfig config, Dictionary<string, int> ids, bool qwen)
    {
        const string EndOfText = "<|endoftext|>";
        string[] roles = qwen ? ["eos_token", "unk_token", "pad_token"] : ["bos_token", "eos_token", "unk_token"];
        foreach (string role in ids.ContainsKey(EndOfText) ? roles : [])
        {
            config.SetDefaultRole(role, EndOfText);
        }
    }

    private static List<(int Line, string Left, string Right)> ReadMerges(TokenizerFiles files, string file)
    {
        files.TryGet("merges.txt", out byte[] content);
        using StreamReader reader = new(new MemoryStream(content), new UTF8Encoding(false, throwOnInvalidBytes: true));
        List<(int, string, string)> merges = [];
        try
        {
            for (int number = 1; reader.ReadLine() is string line; number++)
            {
                if (line.Length == 0 || line.StartsWith("#version", StringComparison.Ordinal))
                {
                    continue;
                }

                string[] parts = line.Split(' ');
                merges.Add(parts.Length == 2
                    ? (number, parts[0], parts[1])
                    : throw new DataException(
                        $"{file}: line {number}: expected two tokens with one blank between them, found \"{line}\""));
            }
        }
        catch (DecoderFallbackException e)
        {
            throw new DataException($"{file}: expected UTF-8: {e.Message}", e);
        }

        return merges;
    }
}
