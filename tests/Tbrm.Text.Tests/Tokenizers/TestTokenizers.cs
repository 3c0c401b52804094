using System.Collections.Generic;
using System.IO;
using System.Text;
using NUnit.Framework;
using Tbrm.Text.Tokenizers;

namespace Tbrm.Text.Tests.Tokenizers;

/// <summary>Small tokenizers that the tests make themselves.</summary>
internal static class TestTokenizers
{
    private const string TrainingText =
        "The quick brown fox jumps over the lazy dog. We're sure that they'll see it's done; 12 + 34 = 46, and 100 * "
            + "7 = 700.\n"
        + "The theorem then gives the answer: the sum of the terms is there, and the remainder is other than zero.\n"
        + "Les élèves étudient la théorie des nombres près de la fenêtre. 数学の問題を解く。数学問題。\n\n    indented    code\n";

    /// <summary>A trained byte-level tokenizer with three special tokens and one ordinary added token.</summary>
    public static Tokenizer Trained(WordSplit split = WordSplit.Qwen2, int size = 400)
    {
        return TrainedBuilder(split, size).Build();
    }

    /// <summary>The builder of <see cref="Trained"/>.</summary>
    public static TokenizerBuilder TrainedBuilder(WordSplit split = WordSplit.Qwen2, int size = 400)
    {
        BpeTrainer trainer = new(split);
        trainer.Add(TrainingText);
        return trainer.Train(size)
            .AddSpecialToken("<|endoftext|>", "pad")
            .AddSpecialToken("<|im_start|>")
            .AddSpecialToken("<|im_end|>", "eos")
            .AddToken(new AddedToken("<tool_call>"));
    }

    /// <summary>Reads a tokenizer from texts instead of a folder.</summary>
    public static Tokenizer FromJson(string tokenizerJson, string? configJson = null)
    {
        TokenizerFiles files = new("(test)");
        files.Set("tokenizer.json", Encoding.UTF8.GetBytes(tokenizerJson));
        if (configJson != null)
        {
            files.Set("tokenizer_config.json", Encoding.UTF8.GetBytes(configJson));
        }

        return TokenizerLoader.Load(files);
    }

    /// <summary>A new empty folder below the test's work folder.</summary>
    public static string NewFolder()
    {
        string folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "text-tests", Path.GetRandomFileName());
        Directory.CreateDirectory(folder);
        return folder;
    }

    /// <summary>What the streaming decoder gives for ids, part by part.</summary>
    public static List<string> Stream(Tokenizer tokenizer, int[] ids, bool skipSpecialTokens = false)
    {
        StreamingDecoder decoder = tokenizer.CreateStreamingDecoder(skipSpecialTokens);
        List<string> parts = [];
        foreach (int id in ids)
        {
            parts.Add(decoder.Add(id));
        }

        parts.Add(decoder.Finish());
        return parts;
    }
}
