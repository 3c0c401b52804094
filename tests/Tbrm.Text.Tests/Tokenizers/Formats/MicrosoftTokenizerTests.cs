using System;
using System.Buffers;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.Tokenizers;
using NUnit.Framework;
using Tbrm.Text.Tokenizers;
using Tokenizer = Tbrm.Text.Tokenizers.Tokenizer;

namespace Tbrm.Text.Tests.Tokenizers.Formats;

/// <summary>Our tokenizer where .NET programs expect one of Microsoft.ML.Tokenizers.</summary>
public sealed class MicrosoftTokenizerTests
{
    private readonly Tokenizer _inner = TestTokenizers.Trained();

    [Test]
    public void Ids_counts_and_texts_are_the_inner_tokenizer_s()
    {
        Microsoft.ML.Tokenizers.Tokenizer tokenizer = new MicrosoftTokenizer(_inner);
        foreach (string text in RandomTexts.Make(200, seed: 7))
        {
            int[] ids = _inner.Encode(text);
            Assert.That(tokenizer.EncodeToIds(text), Is.EqualTo(ids));
            Assert.That(tokenizer.CountTokens(text), Is.EqualTo(ids.Length));
            Assert.That(tokenizer.Decode(ids), Is.EqualTo(_inner.Decode(ids)));
        }
    }

    [Test]
    public void Every_token_has_its_place_in_the_text_also_inside_of_a_character()
    {
        MicrosoftTokenizer tokenizer = new(_inner);
        IReadOnlyList<EncodedToken> tokens = tokenizer.EncodeToTokens("the 𝑥!", out string? normalized);

        Assert.That(normalized, Is.EqualTo("the 𝑥!"));
        Assert.That(string.Concat(tokens.Where(token => token.Offset.End.Value > token.Offset.Start.Value)
            .Select(token => (token.Offset.Start.Value, token.Offset.End.Value)).Distinct()
            .Select(place => normalized![place.Item1..place.Item2])), Is.EqualTo("the 𝑥!"));
        Assert.That(tokens[^1].Offset, Is.EqualTo(6..7));
        Assert.That(tokens.Select(token => token.Id), Is.EqualTo(_inner.Encode("the 𝑥!")));
    }

    [Test]
    public void A_number_of_tokens_is_a_place_in_the_text_from_either_end()
    {
        MicrosoftTokenizer tokenizer = new(_inner);
        const string Text = "the answer is 12";
        int[] ids = _inner.Encode(Text);

        int index = tokenizer.GetIndexByTokenCount(Text, 3, out _, out int count);
        Assert.That(count, Is.EqualTo(3));
        Assert.That(Text[..index], Is.EqualTo(_inner.Decode(ids.AsSpan(0, 3))));
        index = tokenizer.GetIndexByTokenCountFromEnd(Text, 2, out _, out count);
        Assert.That(Text[index..], Is.EqualTo(_inner.Decode(ids.AsSpan(ids.Length - 2))));
        Assert.That(tokenizer.EncodeToIds(Text, 4, out _, out int consumed), Is.EqualTo(ids[..4]));
        Assert.That(Text[..consumed], Is.EqualTo(_inner.Decode(ids.AsSpan(0, 4))));
    }

    [Test]
    public void Decoding_into_too_small_a_buffer_gives_what_fits()
    {
        MicrosoftTokenizer tokenizer = new(_inner);
        int[] ids = _inner.Encode("the answer is 12");
        char[] buffer = new char[6];

        Assert.That(tokenizer.Decode(ids, buffer, out int used, out int written),
            Is.EqualTo(OperationStatus.DestinationTooSmall));
        Assert.That(new string(buffer, 0, written), Is.EqualTo(_inner.Decode(ids.AsSpan(0, used))));
        Assert.That(used, Is.InRange(1, ids.Length - 1));
        Assert.That(tokenizer.Decode(ids, new char[16], out used, out written), Is.EqualTo(OperationStatus.Done));
        Assert.That((used, written), Is.EqualTo((ids.Length, 16)));
    }
}
