using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Tbrm.Text.Json;

namespace Tbrm.Text.Tokenizers;

/// <summary>What <c>tokenizer_config.json</c>, <c>special_tokens_map.json</c> and <c>added_tokens.json</c>
/// say.</summary>
internal sealed class TokenizerConfig
{
    private static readonly string[] s_roles =
        ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    private readonly Dictionary<string, AddedToken> _roles = [];
    private readonly SortedDictionary<int, AddedToken> _addedTokens = [];
    private readonly List<AddedToken> _additionalSpecial = [];

    /// <summary>The Python class without "Fast"; null when the folder does not say.</summary>
    public string? TokenizerClass { get; private set; }

    /// <summary>Llama-style switch; null when the folder does not say.</summary>
    public bool? AddBosToken { get; private set; }

    /// <summary>Llama-style switch; null when the folder does not say.</summary>
    public bool? AddEosToken { get; private set; }

    /// <summary>Llama's older way with blanks: one before every stretch between special tokens, not before the text
    /// alone.</summary>
    public bool IsLegacy { get; private set; } = true;

    /// <summary>BERT's switch: everything in lower case.</summary>
    public bool LowersCase { get; private set; } = true;

    /// <summary>BERT's switch: accents are dropped; null: where letters are put in lower case.</summary>
    public bool? StripsAccents { get; private set; }

    /// <summary>BERT's switch: every Chinese character is a word.</summary>
    public bool CutsChinese { get; private set; } = true;

    /// <summary>Byte-level switch of a folder without <c>tokenizer.json</c>.</summary>
    public bool AddPrefixSpace { get; private set; }

    /// <summary>Reads whichever of the three files are there.</summary>
    public static TokenizerConfig Read(TokenizerFiles files)
    {
        TokenizerConfig config = new();
        if (files.TryGetJson("special_tokens_map.json", out JsonView map))
        {
            config.ReadRoles(map);
        }

        if (files.TryGetJson("tokenizer_config.json", out JsonView main))
        {
            config.ReadRoles(main);
            config.ReadMain(main);
        }

        if (files.TryGetJson("added_tokens.json", out JsonView added))
        {
            foreach ((string content, JsonView id) in added.Members())
            {
                config._addedTokens.TryAdd(TokenizerReader.Id(id),
                    new AddedToken(content, config.IsRole(content), !config.IsRole(content)));
            }
        }

        return config;
    }

    /// <summary>The text of <c>bos_token</c>, <c>eos_token</c>, ...; null when none is named.</summary>
    public string? Role(string role) => _roles.GetValueOrDefault(role)?.Content;

    /// <summary>Sets the Python class that goes with a kind of file when the folder does not say.</summary>
    public void SetDefaultClass(string name) => TokenizerClass ??= name;

    /// <summary>Sets a token that the Python class has by default.</summary>
    public void SetDefaultRole(string role, string content) => _roles.TryAdd(role, Special(content));

    /// <summary>
    /// The tokens that transformers adds on top of the file: the listed ones by id, then special tokens that are still
    /// unknown.
    /// </summary>
    public IEnumerable<AddedToken> TokensToAdd(IReadOnlyDictionary<string, int> known)
    {
        HashSet<string> seen = [.. known.Keys];
        foreach (AddedToken token in _addedTokens.Values)
        {
            seen.Add(token.Content);
            yield return IsRole(token.Content) ? token with { Special = true } : token;
        }

        foreach (AddedToken token in s_roles.Where(_roles.ContainsKey).Select(role => _roles[role])
            .Concat(_additionalSpecial))
        {
            if (seen.Add(token.Content))
            {
                yield return token;
            }
        }
    }

    /// <summary>What transformers' <c>special_tokens_map</c> gives to a chat template.</summary>
    public List<KeyValuePair<string, object?>> SpecialTokens()
    {
        List<KeyValuePair<string, object?>> tokens =
            [.. s_roles.Where(_roles.ContainsKey)
                .Select(role => KeyValuePair.Create(role, (object?)_roles[role].Content))];
        if (_additionalSpecial.Count > 0)
        {
            tokens.Add(new("additional_special_tokens",
                new Jinja.Values.PyList([.. _additionalSpecial.Select(token => (object?)token.Content)])));
        }

        return tokens;
    }

    private static AddedToken Special(string content) => new(content, Special: true);

    private bool IsRole(string content)
    {
        return _roles.Values.Any(token => token.Content == content)
            || _additionalSpecial.Any(token => token.Content == content);
    }

    private void ReadRoles(JsonView view)
    {
        foreach (string role in s_roles)
        {
            if (view.TryGet(role, out JsonView token))
            {
                _roles[role] = ReadToken(token);
            }
        }

        if (view.TryGet("additional_special_tokens", out JsonView additional))
        {
            _additionalSpecial.Clear();
            _additionalSpecial.AddRange(additional.Items().Select(ReadToken));
        }
    }

    private void ReadMain(JsonView view)
    {
        TokenizerClass = view.GetString("tokenizer_class");
        if (TokenizerClass != null && TokenizerClass.EndsWith("Fast", StringComparison.Ordinal))
        {
            TokenizerClass = TokenizerClass[..^4];
        }

        AddBosToken = view.TryGet("add_bos_token", out JsonView bos) ? bos.AsBool() : null;
        AddEosToken = view.TryGet("add_eos_token", out JsonView eos) ? eos.AsBool() : null;
        AddPrefixSpace = view.GetBool("add_prefix_space", false);
        IsLegacy = view.GetBool("legacy", true);
        LowersCase = view.GetBool("do_lower_case", true);
        StripsAccents = view.TryGet("strip_accents", out JsonView accents) ? accents.AsBool() : null;
        CutsChinese = view.GetBool("tokenize_chinese_chars", true);
        if (view.TryGet("added_tokens_decoder", out JsonView added))
        {
            foreach ((string id, JsonView token) in added.Members())
            {
                if (!int.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
                {
                    throw added.Fail($"expected ids as keys, found \"{id}\"");
                }

                _addedTokens[number] = TokenizerReader.ReadAddedToken(token);
            }
        }
    }

    private static AddedToken ReadToken(JsonView view)
    {
        return view.Kind == System.Text.Json.JsonValueKind.String
            ? Special(view.AsString())
            : TokenizerReader.ReadAddedToken(view) with { Special = true };
    }
}
