using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Text.Tokenizers.Formats;
using Tbrm.Text.Tokenizers;

namespace Tbrm.Text.Tests.Tokenizers.Formats;

/// <summary>Folders with a <c>tokenizer.model</c> alone.</summary>
public sealed class SentencePieceTests
{
    private static readonly SentencePiece[] s_few =
    [
        new("<unk>", 0, PieceKind.Unknown), new("<s>", 0, PieceKind.Control), new("</s>", 0, PieceKind.Control),
        .. Enumerable.Range(0, 256).Select(b => new SentencePiece($"<0x{b:X2}>", 0, PieceKind.Byte)),
        new("▁t", -1, PieceKind.Normal), new("he", -2, PieceKind.Normal), new("▁the", -3, PieceKind.Normal),
        new("▁", -4, PieceKind.Normal), new("t", -5, PieceKind.Normal), new("h", -6, PieceKind.Normal),
        new("e", -7, PieceKind.Normal), new("<tool>", 0, PieceKind.UserDefined),
    ];

    [Test]
    public void Pieces_merge_by_score_and_what_has_none_is_its_bytes()
    {
        Tokenizer tokenizer = Few();

        int[] expected = [Id("▁the"), Id("▁"), Id("he"), Id("▁"), 3 + 0xC3, 3 + 0xA9];
        Assert.That(tokenizer.Encode("the he é"), Is.EqualTo(expected));
        Assert.That(tokenizer.Encode("the", addSpecialTokens: true), Is.EqualTo(new[] { 1, Id("▁the") }));
        Assert.That(tokenizer.Encode(""), Is.Empty);
        Assert.That((tokenizer.BosId, tokenizer.EosId, tokenizer.PadId), Is.EqualTo(((int?)1, (int?)2, (int?)null)));
        Assert.That(tokenizer.VocabularySize, Is.EqualTo(s_few.Length));
    }

    [Test]
    public void Text_comes_back_whole_piece_by_piece_and_without_special_tokens()
    {
        Tokenizer tokenizer = Few();
        int[] ids = tokenizer.Encode("the é😀  t");

        Assert.That(tokenizer.Decode(ids), Is.EqualTo("the é😀  t"));
        Assert.That(string.Concat(TestTokenizers.Stream(tokenizer, ids)), Is.EqualTo("the é😀  t"));
        Assert.That(tokenizer.Decode([1, .. ids, 2], skipSpecialTokens: true), Is.EqualTo("the é😀  t"));
        Assert.That(tokenizer.IdToBytes[Id("▁the")].ToArray(), Is.EqualTo(" the"u8.ToArray()));
        Assert.That(tokenizer.IdToBytes[3 + 0xC3].ToArray(), Is.EqualTo(new byte[] { 0xC3 }));
    }

    [Test]
    public void Control_pieces_in_a_text_are_special_and_user_defined_ones_are_not()
    {
        Tokenizer tokenizer = Few();

        Assert.That(tokenizer.Encode("</s><tool>"), Is.EqualTo(new[] { 2, Id("<tool>") }));
        Assert.That(tokenizer.IsSpecial(2) && !tokenizer.IsSpecial(Id("<tool>")), Is.True);
    }

    [TestCase("{}", "▁")]
    [TestCase("""{"legacy": false}""", "")]
    public void The_blank_before_a_stretch_behind_a_special_token_is_the_older_way(string config, string between)
    {
        Tokenizer tokenizer = SentencePieces.Load(("tokenizer.model", SentencePieces.Model(s_few, isBpe: true)),
            ("tokenizer_config.json", Encoding.UTF8.GetBytes(config)));

        int[] blank = between.Length > 0 ? [Id(between)] : [];
        int[] expected = [Id("▁"), Id("he"), 2, .. blank, Id("he")];
        Assert.That(tokenizer.Encode("he</s>he"), Is.EqualTo(expected));
    }

    [Test]
    public void Gemma_has_no_blank_before_the_text()
    {
        Tokenizer tokenizer = SentencePieces.Load(
            ("tokenizer.model", SentencePieces.Model(s_few, isBpe: true, addsPrefix: false)));

        Assert.That(tokenizer.Encode("he the"), Is.EqualTo(new[] { Id("he"), Id("▁the") }));
        Assert.That(tokenizer.Decode(tokenizer.Encode(" he")), Is.EqualTo(" he"));
    }

    [Test]
    public void A_unigram_model_takes_the_most_probable_cut()
    {
        // "▁the" as one piece costs 3, "▁t" + "he" 1.5; the rest is bytes.
        SentencePiece[] pieces = [.. s_few.Select(piece => piece.Text switch
        {
            "▁t" => piece with { Score = -1 },
            "he" => piece with { Score = -0.5f },
            "▁the" => piece with { Score = -3 },
            _ => piece with { Score = piece.Kind == PieceKind.Normal ? -9 : piece.Score },
        })];
        Tokenizer tokenizer = SentencePieces.Load(("tokenizer.model", SentencePieces.Model(pieces, isBpe: false)));

        Assert.That(tokenizer.Encode("the he"), Is.EqualTo(new[] { Id("▁t"), Id("he"), Id("▁"), Id("he") }));
        Assert.That(tokenizer.Decode(tokenizer.Encode("the he")), Is.EqualTo("the he"));
        Assert.That(tokenizer.Encode("the</s>"), Is.EqualTo(new[] { Id("▁t"), Id("he"), 2 }));
    }

    [Test]
    public void Saving_gives_the_file_back()
    {
        byte[] model = SentencePieces.Model(s_few, isBpe: true);
        string folder = TestTokenizers.NewFolder();
        SentencePieces.Load(("tokenizer.model", model)).Save(folder);

        Assert.That(File.ReadAllBytes(Path.Combine(folder, "tokenizer.model")), Is.EqualTo(model));
        Assert.That(Tokenizer.IsIn(folder), Is.True);
        Assert.That(Tokenizer.IsIn(TestTokenizers.NewFolder()), Is.False);
    }

    [Test]
    public void A_damaged_model_is_refused_with_its_name()
    {
        byte[] model = SentencePieces.Model(s_few, isBpe: true);
        int refused = 0;
        for (int length = 0; length < model.Length; length += 37)
        {
            try
            {
                _ = SentencePieces.Load(("tokenizer.model", model[..length]));
            }
            catch (DataException e)
            {
                Assert.That(e.Message, Does.Contain("tokenizer.model"));
                refused++;
            }
        }

        Assert.That(refused, Is.GreaterThan(model.Length / 37 / 2));
        Assert.That(() => SentencePieces.Load(("tokenizer.model", SentencePieces.Model([.. s_few, s_few[^1]], true))),
            Throws.TypeOf<DataException>().With.Message.Contains("\"<tool>\" is piece 266 and piece 267"));
    }

    private static Tokenizer Few() =>
        SentencePieces.Load(("tokenizer.model", SentencePieces.Model(s_few, isBpe: true)));

    private static int Id(string piece) => new List<SentencePiece>(s_few).FindIndex(p => p.Text == piece);
}
