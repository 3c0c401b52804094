using System;
using System.Collections.Generic;
using Tbrm.Text.Patterns;
using Tbrm.Text.PreTokenizers;
using Tbrm.Text.Unicode;

namespace Tbrm.Text.Tokenizers;

/// <summary>
/// Learns merges from text: again and again the most frequent pair of adjacent symbols, of equally frequent ones the
/// pair
/// with the lower ids. The same text gives the same tokenizer on every machine.
/// </summary>
public sealed class BpeTrainer
{
    private readonly Dictionary<string, long> _words = [];
    private readonly PreTokenized _pieces = new();
    private readonly IPattern _pattern;
    private readonly bool _normalize;

    /// <summary>A trainer that cuts text as the finished tokenizer will.</summary>
    public BpeTrainer(WordSplit split = WordSplit.Qwen2, bool normalize = true)
    {
        Split = split;
        _normalize = normalize;
        _pattern = split switch
        {
            WordSplit.Gpt2 => new Gpt2WordPattern(),
            WordSplit.Llama3 => new ModernWordPattern(maxDigits: 3),
            WordSplit.Characters => RunePattern.Any,
            WordSplit.Phrases => RunePattern.Digits,
            _ => new ModernWordPattern(maxDigits: 1),
        };
    }

    /// <summary>How text is cut.</summary>
    public WordSplit Split { get; }

    /// <summary>Counts the words of a text.</summary>
    public void Add(string text)
    {
        _pieces.Reset(_normalize ? UnicodeNormalization.Nfc(text) : text, startsInput: true);
        new SplitPreTokenizer(_pattern, SplitBehavior.Isolated).Apply(_pieces);
        foreach (Piece piece in _pieces.Pieces)
        {
            string word = ByteAlphabet.Encode(_pieces.Span(piece));
            _words[word] = _words.GetValueOrDefault(word) + 1;
        }
    }

    /// <summary>A builder with the merges learnt; special tokens are yet to be added.</summary>
    /// <param name="vocabularySize">Tokens to reach, the 256 bytes among them; fewer when the text gives no
    /// more.</param>
    /// <param name="minFrequency">A pair must occur so often to be merged.</param>
    public TokenizerBuilder Train(int vocabularySize, long minFrequency = 2)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabularySize, 256);
        TokenizerBuilder builder = new() { Split = Split, Normalize = _normalize };
        PairCounts pairs = new(_words);
        while (builder.Count < vocabularySize && pairs.TryTakeBest(minFrequency, out string left, out string right))
        {
            builder.AddEncodedMerge(left, right);
        }

        return builder;
    }
}
