using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Encodings.Web;
using System.Text.Json;
using Tbrm.Core.Errors;
using Tbrm.Text.PreTokenizers;

namespace Tbrm.Text.Tokenizers;

/// <summary>How a tokenizer that is being built cuts text into words.</summary>
public enum WordSplit
{
    /// <summary>Qwen2's pattern: digits one by one.</summary>
    Qwen2,

    /// <summary>Llama 3's pattern: up to three digits together.</summary>
    Llama3,

    /// <summary>GPT-2's pattern.</summary>
    Gpt2,

    /// <summary>Every character by itself.</summary>
    Characters,

    /// <summary>Digits one by one, and nothing else is cut: a phrase that comes back in every text becomes one
    /// token.</summary>
    Phrases,
}

/// <summary>
/// Makes a byte-level BPE tokenizer in Hugging Face's format: the 256 bytes first, so that any text can be encoded,
/// then one
/// token per merge, then the special tokens.
/// </summary>
public sealed class TokenizerBuilder
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NewLine = "\n",
    };

    private readonly Dictionary<string, int> _ids = [];
    private readonly List<string> _tokens = [];
    private readonly List<(string Left, string Right)> _merges = [];
    private readonly List<AddedToken> _added = [];
    private readonly Dictionary<string, string> _roles = [];

    /// <summary>A tokenizer of the 256 bytes alone.</summary>
    public TokenizerBuilder()
    {
        foreach (char c in ByteAlphabet.Characters)
        {
            AddToken(c.ToString());
        }
    }

    /// <summary>How text is cut before merging.</summary>
    public WordSplit Split { get; set; } = WordSplit.Qwen2;

    /// <summary>Apply Unicode form C first, as Qwen2 does.</summary>
    public bool Normalize { get; set; } = true;

    /// <summary>The Jinja source of the chat template; null for none.</summary>
    public string? ChatTemplate { get; set; }

    /// <summary>The tokens so far, special ones not counted.</summary>
    public int Count => _tokens.Count;

    /// <summary>Adds one merge, given as texts: both sides must be tokens already. Its rank is its place in the order
    /// of the calls.</summary>
    /// <exception cref="ConfigException">A side is no token.</exception>
    public TokenizerBuilder AddMerge(string left, string right)
    {
        AddEncodedMerge(ByteAlphabet.Encode(left), ByteAlphabet.Encode(right));
        return this;
    }

    /// <summary>
    /// Adds the merges by which <paramref name="word"/> becomes one token, from left to right, unless it is one
    /// already.
    /// Earlier merges go first: where one of them joins other characters of the word, this token is not reached; nor is
    /// a
    /// word that <see cref="Split"/> cuts.
    /// </summary>
    public TokenizerBuilder AddWord(string word)
    {
        string encoded = ByteAlphabet.Encode(word);
        for (int length = 2; length <= encoded.Length; length++)
        {
            if (!_ids.ContainsKey(encoded[..length]))
            {
                AddEncodedMerge(encoded[..(length - 1)], encoded[(length - 1)..length]);
            }
        }

        return this;
    }

    /// <summary>Adds a special token; <paramref name="roles"/> may name what it is for: <c>bos</c>, <c>eos</c>,
    /// <c>pad</c>, <c>unk</c>.</summary>
    /// <exception cref="ConfigException">The role is not known, or the text is empty.</exception>
    public TokenizerBuilder AddSpecialToken(string content, params string[] roles)
    {
        return AddToken(new AddedToken(content, Special: true), roles);
    }

    /// <summary>Adds an added token with flags of its own.</summary>
    /// <exception cref="ConfigException">The role is not known, or the text is empty.</exception>
    public TokenizerBuilder AddToken(AddedToken token, params string[] roles)
    {
        if (token.Content.Length == 0)
        {
            throw new ConfigException("expected the text of an added token, found an empty one");
        }

        if (_added.All(added => added.Content != token.Content))
        {
            _added.Add(token);
        }

        foreach (string role in roles)
        {
            _roles[role is "bos" or "eos" or "pad" or "unk"
                ? role + "_token"
                : throw new ConfigException(
                    $"expected the role bos, eos, pad or unk, found \"{role}\"")] = token.Content;
        }

        return this;
    }

    /// <summary>The tokenizer; <see cref="Tokenizer.Save"/> writes its files.</summary>
    public Tokenizer Build()
    {
        TokenizerFiles files = new("(built in memory)");
        files.Set("tokenizer.json", TokenizerJsonBytes());
        files.Set("tokenizer_config.json", Serialize(ConfigJson()));
        return TokenizerLoader.Load(files);
    }

    /// <summary>Builds the tokenizer and writes its <c>tokenizer.json</c> and <c>tokenizer_config.json</c>.</summary>
    public Tokenizer Save(string folder)
    {
        Tokenizer tokenizer = Build();
        tokenizer.Save(folder);
        return tokenizer;
    }

    /// <summary>The content of <c>tokenizer.json</c>.</summary>
    internal byte[] TokenizerJsonBytes() => Serialize(TokenizerJson());

    /// <summary>Adds a merge whose sides are written in <see cref="ByteAlphabet"/>.</summary>
    internal void AddEncodedMerge(string left, string right)
    {
        foreach (string side in new[] { left, right })
        {
            if (!_ids.ContainsKey(side))
            {
                throw new ConfigException(
                    $"the merge of \"{left}\" and \"{right}\" needs the token \"{side}\", which comes from no earlier "
                        + $"merge");
            }
        }

        _merges.Add((left, right));
        AddToken(left + right);
    }

    private static byte[] Serialize(Dictionary<string, object?> value)
    {
        using MemoryStream stream = new();
        JsonSerializer.Serialize(stream, value, s_json);
        stream.WriteByte((byte)'\n');
        return stream.ToArray();
    }

    private void AddToken(string token)
    {
        if (_ids.TryAdd(token, _tokens.Count))
        {
            _tokens.Add(token);
        }
    }

    private int AddedId(int index) => _tokens.Count + index;

    private Dictionary<string, object?> TokenizerJson() => new()
    {
        ["version"] = "1.0",
        ["truncation"] = null,
        ["padding"] = null,
        ["added_tokens"] = _added.Select((token, index) => Flags(token, AddedId(index))).ToArray(),
        ["normalizer"] = Normalize ? new Dictionary<string, object?> { ["type"] = "NFC" } : null,
        ["pre_tokenizer"] = PreTokenizerJson(),
        ["post_processor"] = ByteLevel(useRegex: false),
        ["decoder"] = ByteLevel(useRegex: false),
        ["model"] = new Dictionary<string, object?>
        {
            ["type"] = "BPE",
            ["dropout"] = null,
            ["unk_token"] = null,
            ["continuing_subword_prefix"] = null,
            ["end_of_word_suffix"] = null,
            ["fuse_unk"] = false,
            ["byte_fallback"] = false,
            ["ignore_merges"] = false,
            ["vocab"] = _ids,
            ["merges"] = _merges.Select(merge => new[] { merge.Left, merge.Right }).ToArray(),
        },
    };

    private Dictionary<string, object?> PreTokenizerJson()
    {
        if (Split == WordSplit.Gpt2)
        {
            return ByteLevel(useRegex: true);
        }

        if (Split == WordSplit.Phrases)
        {
            return Sequence(new() { ["type"] = "Digits", ["individual_digits"] = true });
        }

        string pattern = Split switch
        {
            WordSplit.Llama3 => ModernWordPattern.Llama3,
            WordSplit.Characters => PatternFactory.AnyCharacter,
            _ => ModernWordPattern.Qwen2,
        };
        return Sequence(new()
        {
            ["type"] = "Split",
            ["pattern"] = new Dictionary<string, object?> { ["Regex"] = pattern },
            ["behavior"] = "Isolated",
            ["invert"] = false,
        });
    }

    private static Dictionary<string, object?> Sequence(Dictionary<string, object?> words) =>
        new() { ["type"] = "Sequence", ["pretokenizers"] = new object[] { words, ByteLevel(useRegex: false) } };

    private static Dictionary<string, object?> ByteLevel(bool useRegex) => new()
    {
        ["type"] = "ByteLevel",
        ["add_prefix_space"] = false,
        ["trim_offsets"] = false,
        ["use_regex"] = useRegex,
    };

    private Dictionary<string, object?> ConfigJson()
    {
        Dictionary<string, object?> config = new()
        {
            ["add_prefix_space"] = false,
            ["added_tokens_decoder"] = _added.Select((token, index) => (token, index)).ToDictionary(
                pair => AddedId(pair.index).ToString(CultureInfo.InvariantCulture), pair => Flags(pair.token, null)),
            ["clean_up_tokenization_spaces"] = false,
        };
        foreach (string role in new[] { "bos_token", "eos_token", "pad_token", "unk_token" })
        {
            config[role] = _roles.GetValueOrDefault(role);
        }

        if (ChatTemplate != null)
        {
            config["chat_template"] = ChatTemplate;
        }

        config["tokenizer_class"] = "PreTrainedTokenizerFast";
        return config;
    }

    private static Dictionary<string, object?> Flags(AddedToken token, int? id)
    {
        Dictionary<string, object?> flags = id == null ? [] : new() { ["id"] = id };
        flags["content"] = token.Content;
        flags["single_word"] = token.SingleWord;
        flags["lstrip"] = token.LStrip;
        flags["rstrip"] = token.RStrip;
        flags["normalized"] = token.Normalized;
        flags["special"] = token.Special;
        return flags;
    }
}
