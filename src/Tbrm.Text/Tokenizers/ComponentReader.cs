using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Tbrm.Text.Decoders;
using Tbrm.Text.Json;
using Tbrm.Text.Normalizers;
using Tbrm.Text.Patterns;
using Tbrm.Text.PostProcessors;
using Tbrm.Text.PreTokenizers;
using Tbrm.Text.Unicode;

namespace Tbrm.Text.Tokenizers;

/// <summary>Reads the normalizer, pre-tokenizer, post-processor and decoder of a <c>tokenizer.json</c>.</summary>
internal static class ComponentReader
{
    /// <summary>Real tokenizers have a handful; every one of thousands would go through every text.</summary>
    private const int MaxSteps = 64;

    /// <summary>A normalizer.</summary>
    public static Normalizer ReadNormalizer(JsonView view)
    {
        string type = view.Get("type").AsString();
        return type switch
        {
            "Sequence" => new SequenceNormalizer([.. Steps(view.Get("normalizers")).Select(ReadNormalizer)]),
            "NFC" => new FunctionNormalizer(UnicodeNormalization.Nfc),
            "NFD" => new FunctionNormalizer(UnicodeNormalization.Nfd),
            "NFKC" => new FunctionNormalizer(UnicodeNormalization.Nfkc),
            "NFKD" => new FunctionNormalizer(UnicodeNormalization.Nfkd),
            "Nmt" => new FunctionNormalizer(TextFunctions.Nmt),
            "Lowercase" => new FunctionNormalizer(TextFunctions.Lowercase),
            "StripAccents" => new FunctionNormalizer(TextFunctions.StripAccents),
            "ByteLevel" => new FunctionNormalizer(static text => ByteAlphabet.Encode(text)),
            "Prepend" => Prepend(view.Get("prepend").AsString()),
            "Strip" => Strip(view.GetBool("strip_left", true), view.GetBool("strip_right", true)),
            "Replace" => new ReplaceNormalizer(ReadPattern(view.Get("pattern")), view.Get("content").AsString()),
            _ => throw Unknown(
                view, type,
                    "Sequence, NFC, NFD, NFKC, NFKD, Nmt, Lowercase, StripAccents, ByteLevel, Prepend, Strip, Replace"),
        };
    }

    /// <summary>A pre-tokenizer.</summary>
    public static PreTokenizer ReadPreTokenizer(JsonView view)
    {
        List<JsonView> steps = [];
        Flatten(view, steps);
        List<PreTokenizer> parts = [];
        for (int i = 0; i < steps.Count; i++)
        {
            parts.Add(ReadStep(steps[i], isLast: i + 1 == steps.Count));
        }

        return parts.Count == 1 ? parts[0] : new SequencePreTokenizer(parts);
    }

    /// <summary>The templates that a post-processor puts around a single text, one after the other.</summary>
    public static List<IdTemplate> ReadPostProcessors(JsonView view)
    {
        // Templates inside each other multiply: a few of them could make gigabytes of any text.
        const long MostCopies = 16;
        List<IdTemplate> templates = ReadPostProcessor(view);
        long copies = 1;
        foreach (IdTemplate template in templates)
        {
            copies = Math.Min(MostCopies + 1,
                copies * Math.Min(MostCopies + 1, template.Parts.Count(part => part is null)));
        }

        return copies <= MostCopies ? templates
            : throw view.Fail($"expected the text at most {MostCopies} times, found it more often");
    }

    private static List<IdTemplate> ReadPostProcessor(JsonView view)
    {
        string type = view.Get("type").AsString();
        return type switch
        {
            "ByteLevel" => [],
            "Sequence" => [.. Steps(view.Get("processors")).SelectMany(ReadPostProcessor)],
            "TemplateProcessing" => [ReadTemplate(view)],
            "BertProcessing" or "RobertaProcessing" =>
                [new IdTemplate([TokenOf(view.Get("cls")), null, TokenOf(view.Get("sep"))])],
            _ => throw Unknown(view, type,
                "ByteLevel, Sequence, TemplateProcessing, BertProcessing, RobertaProcessing"),
        };

        static int? TokenOf(JsonView pair) => TokenizerReader.Id(pair.Items().ElementAtOrDefault(1));
    }

    /// <summary>A decoder.</summary>
    public static TokenDecoder ReadDecoder(JsonView view)
    {
        string type = view.Get("type").AsString();
        return type switch
        {
            "ByteLevel" => new ByteLevelDecoder(),
            "Sequence" => new SequenceDecoder([.. Steps(view.Get("decoders")).Select(ReadDecoder)]),
            "Fuse" => new FuseDecoder(),
            "ByteFallback" => new ByteFallbackDecoder(),
            "Replace" => new ReplaceDecoder(ReadPattern(view.Get("pattern")), view.Get("content").AsString()),
            "Strip" => new StripDecoder(ReadRune(view.Get("content")), view.Get("start").AsCount(),
                view.Get("stop").AsCount()),
            "Metaspace" => new MetaspaceDecoder(ReadRune(view.Get("replacement")),
                ReadPrependScheme(view) != PrependScheme.Never),
            "BPEDecoder" => new SuffixDecoder(view.GetString("suffix") ?? "</w>"),
            _ => throw Unknown(view, type,
                "ByteLevel, Sequence, Fuse, ByteFallback, Replace, Strip, Metaspace, BPEDecoder"),
        };
    }

    private static void Flatten(JsonView view, List<JsonView> steps)
    {
        if (view.Get("type").AsString() != "Sequence")
        {
            steps.Add(view);
            return;
        }

        foreach (JsonView step in Steps(view.Get("pretokenizers")))
        {
            Flatten(step, steps);
        }

        if (steps.Count > MaxSteps)
        {
            throw view.Fail($"expected at most {MaxSteps} steps, found {steps.Count}");
        }
    }

    private static List<JsonView> Steps(JsonView view)
    {
        List<JsonView> steps = [.. view.Items().Take(MaxSteps + 1)];
        return steps.Count <= MaxSteps ? steps : throw view.Fail($"expected at most {MaxSteps} steps, found more");
    }

    private static PreTokenizer ReadStep(JsonView view, bool isLast)
    {
        string type = view.Get("type").AsString();
        switch (type)
        {
            case "ByteLevel":
                return new ByteLevelPreTokenizer(view.GetBool("add_prefix_space", true),
                    view.GetBool("use_regex", true), isLast);
            case "Split":
                return new SplitPreTokenizer(
                    ReadPattern(view.Get("pattern")), ReadBehavior(view.Get("behavior")),
                        view.GetBool("invert", false));
            case "Metaspace":
                return new MetaspacePreTokenizer(ReadRune(view.Get("replacement")), ReadPrependScheme(view),
                    view.GetBool("split", true));
            case "Digits":
                return new SplitPreTokenizer(
                    RunePattern.Digits, view.GetBool("individual_digits", false) ? SplitBehavior.Isolated
                        : SplitBehavior.Contiguous);
            case "Punctuation":
                return new SplitPreTokenizer(
                    RunePattern.Punctuation, view.TryGet("behavior", out JsonView behavior) ? ReadBehavior(behavior)
                        : SplitBehavior.Isolated);
            case "WhitespaceSplit":
                return new SplitPreTokenizer(RunePattern.Spaces, SplitBehavior.Removed);
            case "Whitespace":
                return new SplitPreTokenizer(new WordOrSymbolPattern(), SplitBehavior.Removed, invert: true);
            case "CharDelimiterSplit":
                return new SplitPreTokenizer(RunePattern.Exactly(ReadRune(view.Get("delimiter"))),
                    SplitBehavior.Removed);
            default:
                throw Unknown(view, type,
                    "Sequence, ByteLevel, Split, Metaspace, Digits, Punctuation, Whitespace, WhitespaceSplit, "
                        + "CharDelimiterSplit");
        }
    }

    private static IPattern ReadPattern(JsonView view)
    {
        if (view.TryGet("String", out JsonView literal))
        {
            return new LiteralPattern(literal.AsString());
        }

        JsonView regex = view.Get("Regex");
        return PatternFactory.Create(regex.AsString(), regex);
    }

    private static SplitBehavior ReadBehavior(JsonView view)
    {
        return Enum.TryParse(view.AsString(), out SplitBehavior behavior) && Enum.IsDefined(behavior)
            ? behavior
            : throw view.Unexpected("Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
    }

    private static PrependScheme ReadPrependScheme(JsonView view)
    {
        if (!view.GetBool("add_prefix_space", true))
        {
            return PrependScheme.Never;
        }

        return view.GetString("prepend_scheme") switch
        {
            null or "always" => PrependScheme.Always,
            "first" => PrependScheme.First,
            "never" => PrependScheme.Never,
            _ => throw view.Get("prepend_scheme").Unexpected("always, first or never"),
        };
    }

    private static Rune ReadRune(JsonView view)
    {
        string text = view.AsString();
        return Rune.DecodeFromUtf16(text, out Rune rune, out int length) == System.Buffers.OperationStatus.Done
            && length == text.Length
            ? rune
            : throw view.Unexpected("one character");
    }

    private static IdTemplate ReadTemplate(JsonView view)
    {
        List<int?> parts = [];
        foreach (JsonView item in view.Get("single").Items())
        {
            if (item.TryGet("SpecialToken", out JsonView token))
            {
                JsonView special = view.Get("special_tokens").Get(token.Get("id").AsString());
                parts.AddRange(special.Get("ids").Items().Select(id => (int?)TokenizerReader.Id(id)));
            }
            else
            {
                string sequence = item.Get("Sequence").Get("id").AsString();
                parts.Add(sequence == "A" ? null
                    : throw item.Fail($"expected sequence A in a template for one text, found {sequence}"));
            }
        }

        return new IdTemplate(parts);
    }

    private static FunctionNormalizer Prepend(string prefix) =>
        new FunctionNormalizer(text => text.Length == 0 ? text : prefix + text);

    private static FunctionNormalizer Strip(bool left, bool right) =>
        new FunctionNormalizer(text => TextFunctions.Strip(text, left, right));

    private static Tbrm.Core.Errors.DataException Unknown(JsonView view, string type, string known)
    {
        return view.Get("type").Fail($"\"{type}\" is not supported; supported are {known}");
    }
}
