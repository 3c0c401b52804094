using System.Collections.Generic;
using System.Text;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Text.Tokenizers;

namespace Tbrm.Text.Tests.Tokenizers.Formats;

/// <summary>Folders with BERT's <c>vocab.txt</c>.</summary>
public sealed class WordPieceTests
{
    /// <summary>A vocabulary for the tests.</summary>
    public static readonly string[] Words =
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "un", "##aff", "##able", "##s", "a", "##b", "e", "eleve",
        "数", "学", ",", ".", "!", "don", "'", "t", "i", "m", "Un"];

    [TestCase("UNaffable", "un ##aff ##able")]
    [TestCase("The élève, don't!", "the eleve , don ' t !")]
    [TestCase("数学the", "数 学 the")]
    [TestCase("the zzz ab", "the [UNK] a ##b")]
    [TestCase("the\u0000\u00ADs[SEP]", "the ##s [SEP]")]
    [TestCase("", "")]
    public void Words_are_cut_into_the_longest_pieces(string text, string pieces)
    {
        Tokenizer tokenizer = Load();
        Assert.That(tokenizer.Encode(text), Is.EqualTo(Ids(pieces)));
        Assert.That(tokenizer.Encode(text, addSpecialTokens: true),
            Is.EqualTo(Ids($"[CLS] {pieces} [SEP]".Replace("  ", " "))));
    }

    [Test]
    public void Case_and_accents_stay_where_the_configuration_says_so()
    {
        Tokenizer tokenizer = Load("""{"do_lower_case": false}""");

        Assert.That(tokenizer.Encode("Unaff un"), Is.EqualTo(Ids("Un ##aff un")));
        Assert.That(tokenizer.Encode("é"), Is.EqualTo(Ids("[UNK]")));
    }

    [Test]
    public void Pieces_are_joined_again()
    {
        Tokenizer tokenizer = Load();
        int[] ids = Ids("[CLS] un ##aff ##able , the . [SEP]");

        Assert.That(tokenizer.Decode(ids, skipSpecialTokens: true), Is.EqualTo("unaffable, the."));
        Assert.That(string.Concat(TestTokenizers.Stream(tokenizer, ids, skipSpecialTokens: true)),
            Is.EqualTo("unaffable, the."));
        Assert.That((tokenizer.PadId, tokenizer.EosId), Is.EqualTo(((int?)0, (int?)null)));
    }

    [Test]
    public void A_vocabulary_without_unknown_or_with_a_word_twice_is_refused()
    {
        Assert.That(() => SentencePieces.Load(("vocab.txt", "a\nb\n"u8.ToArray())),
            Throws.TypeOf<DataException>().With.Message.Contains("vocab.txt: expected the token [UNK]"));
        Assert.That(() => SentencePieces.Load(("vocab.txt", "[UNK]\na\na\n"u8.ToArray())),
            Throws.TypeOf<DataException>().With.Message.Contains("line 3: \"a\" is in line 2 already"));
    }

    private static Tokenizer Load(string config = "{}") => SentencePieces.Load(
        ("vocab.txt", Encoding.UTF8.GetBytes(string.Join('\n', Words) + "\n")),
        ("tokenizer_config.json", Encoding.UTF8.GetBytes(config)));

    private static int[] Ids(string pieces)
    {
        List<string> words = [.. Words];
        return pieces.Length == 0 ? []
            : System.Array.ConvertAll(pieces.Split(' '), piece => words.IndexOf(piece));
    }
}
