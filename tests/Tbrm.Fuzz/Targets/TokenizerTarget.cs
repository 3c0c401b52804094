using System;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Fuzz.Mutation;
using Tbrm.Text.Tokenizers;

namespace Tbrm.Fuzz.Targets;

/// <summary><c>tokenizer.json</c>: loading it, and what it then makes of texts and ids.</summary>
internal sealed class TokenizerTarget : IFuzzTarget
{
    private static readonly string[] s_normalizers =
    [
        """{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Lowercase"},{"type":"StripAccents"},{"type":"Strip","strip_left":true,"strip_right":true}]}""",
        """{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}""",
        """{"type":"Replace","pattern":{"Regex":"\\s{2,}"},"content":" "}""", """{"type":"Nmt"}""",
        """{"type":"NFD"}""",
    ];

    private static readonly string[] s_preTokenizers =
    [
        """{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}""",
        """{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"Punctuation","behavior":"Contiguous"},{"type":"WhitespaceSplit"}]}""",
        """{"type":"Split","pattern":{"Regex":"[a-c]+|\\p{Han}{2}|(?<=x)y"},"behavior":"MergedWithNext","invert":true}""",
        """{"type":"CharDelimiterSplit","delimiter":"e"}""",
        """{"type":"ByteLevel","add_prefix_space":true,"use_regex":true,"trim_offsets":true}""",
    ];

    private static readonly string[] s_postProcessors =
    [
        """{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<|im_start|>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"<|im_start|>":{"id":"<|im_start|>","ids":[300],"tokens":["<|im_start|>"]}}}""",
        """{"type":"RobertaProcessing","sep":["</s>",2],"cls":["<s>",0],"trim_offsets":true,"add_prefix_space":true}""",
    ];

    private static readonly string[] s_decoders =
    [
        """{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}""",
        """{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}""",
        """{"type":"BPEDecoder","suffix":"</w>"}""",
    ];

    private readonly string[] _seeds;
    private readonly string _merges;

    /// <summary>Trains the small tokenizers whose files are damaged.</summary>
    public TokenizerTarget()
    {
        string[] trained = [.. new[] { WordSplit.Qwen2, WordSplit.Llama3, WordSplit.Gpt2, WordSplit.Characters,
            WordSplit.Phrases }.Select(Train)];
        _seeds =
        [
            .. trained,
            .. s_normalizers.Select(part => With(trained[0], "normalizer", part)),
            .. s_preTokenizers.Select(part => With(trained[1], "pre_tokenizer", part)),
            .. s_postProcessors.Select(part => With(trained[2], "post_processor", part)),
            .. s_decoders.Select(part => With(trained[0], "decoder", part)),
        ];
        JsonArray merges = JsonNode.Parse(trained[2])!["model"]!["merges"]!.AsArray();
        _merges = "#version: 0.2\n" + string.Join('\n', merges.Select(pair => $"{pair![0]} {pair[1]}")) + "\n";
    }

    /// <inheritdoc/>
    public string Name => "tokenizer";

    /// <inheritdoc/>
    public long AllocationLimit => 512L << 20;

    /// <inheritdoc/>
    public byte[] Create(Random random)
    {
        string seed = _seeds[random.Next(_seeds.Length)];
        string other = _seeds[random.Next(_seeds.Length)];
        int kind = random.Next(10);
        if (kind == 0)
        {
            return ByteMutation.Mutate(Encoding.UTF8.GetBytes(_merges), Encoding.UTF8.GetBytes(other), random);
        }

        byte[] document = Encoding.UTF8.GetBytes(kind < 8 ? new JsonMutation(random).Mutate(seed, other) : seed);
        return kind > 5 ? ByteMutation.Mutate(document, Encoding.UTF8.GetBytes(other), random) : document;
    }

    /// <inheritdoc/>
    public bool Run(byte[] input)
    {
        try
        {
            Tokenizer tokenizer = Load(input);
            Random random = new(input.Length);
            foreach (string text in new[] { new string('a', 30_000), "The theorem 123 é <|im_start|>\n\n数 \uD800 x",
                HostileText.Text(random), HostileText.Text(random) })
            {
                int[] ids = tokenizer.Encode(text, addSpecialTokens: true);
                string decoded = tokenizer.Decode(ids, skipSpecialTokens: true);
                StreamingDecoder streaming = tokenizer.CreateStreamingDecoder(skipSpecialTokens: false);
                int streamed = ids.Take(2000).Sum(id => streaming.Add(id).Length) + streaming.Finish().Length;
                if (decoded.Length < 0 || streamed < 0)
                {
                    return false;
                }
            }

            _ = tokenizer.Decode([-1, int.MaxValue, 0, 300]);
            return true;
        }
        catch (DataException)
        {
            return false;
        }
    }

    private Tokenizer Load(byte[] input)
    {
        TokenizerFiles files = new("(fuzz)");
        if (input.AsSpan().StartsWith("#version"u8))
        {
            files.Set("merges.txt", input);
            files.Set("vocab.json",
                Encoding.UTF8.GetBytes(JsonNode.Parse(_seeds[2])!["model"]!["vocab"]!.ToJsonString()));
        }
        else
        {
            files.Set("tokenizer.json", input);

            // The same bytes are a hostile configuration as well.
            files.Set("tokenizer_config.json", input);
        }

        return TokenizerLoader.Load(files);
    }

    private static string Train(WordSplit split)
    {
        BpeTrainer trainer = new(split);
        trainer.Add(
            "The theorem then gives the sum of the terms: 12 + 34 = 46, 100 * 7 = 700. It's there, we'll see.\n");
        trainer.Add("Les élèves étudient la théorie des nombres. 数学の問題を解く。\n\n    indented    code\n");
        TokenizerBuilder builder = trainer.Train(300).AddSpecialToken("<|endoftext|>", "pad", "eos")
            .AddSpecialToken("<|im_start|>", "bos")
            .AddToken(new AddedToken("<tool>", Normalized: true, SingleWord: true))
                .AddToken(new AddedToken("é", LStrip: true, RStrip: true));
        return Encoding.UTF8.GetString(builder.TokenizerJsonBytes());
    }

    private static string With(string document, string part, string json)
    {
        JsonNode root = JsonNode.Parse(document)!;
        root[part] = JsonNode.Parse(json);
        return root.ToJsonString();
    }
}
