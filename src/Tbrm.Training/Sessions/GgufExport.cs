using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Tbrm.Core.Errors;
using Tbrm.Core.Files;
using Tbrm.Engine;
using Tbrm.Engine.Checkpoint;
using Tbrm.Engine.Gguf;
using Tbrm.Engine.Models;
using Tbrm.Text.Chat;
using Tbrm.Text.Tokenizers.Formats;

namespace Tbrm.Training.Sessions;

/// <summary>A model with its tokenizer as one GGUF file, for llama.cpp and what is built on it.</summary>
public static class GgufExport
{
    /// <summary>Types of the matrices by name; auto is the checkpoint's own.</summary>
    public static IReadOnlyList<string> Types { get; } = ["auto", "f32", "f16", "bf16"];

    /// <summary>Writes a model folder.</summary>
    /// <param name="folder">Hugging Face's format, with a tokenizer.</param>
    /// <param name="output">The file; it appears when it is whole.</param>
    /// <param name="type">One of <see cref="Types"/>.</param>
    /// <param name="note">Told what a person should know.</param>
    /// <exception cref="DataException">GGUF cannot express a setting; the message names it.</exception>
    public static void WriteFolder(string folder, string output, string type, Action<string> note)
    {
        using EngineDevice device = EngineDevice.Open("cpu", 0);
        // bf16 holds a bf16 checkpoint as it is in half the memory; fp32 holds the others.
        using Policy policy = ModelFolder.Load(device, folder, architecture => new()
        {
            Bf16 = architecture.TorchDtype == "bfloat16",
            MaxPositions = 1,
            Trainable = false,
        });
        Write(policy, folder, output, type, note);
    }

    /// <summary>Writes an adapter's base with the adapter added to it.</summary>
    /// <inheritdoc cref="WriteFolder"/>
    public static void WriteMerged(AdapterSource source, string output, string type, Action<string> note)
    {
        using EngineDevice device = EngineDevice.Open("cpu", 0);
        using Policy policy = source.Merged(device, "fp32");
        Write(policy, source.Companions, output, type, note);
    }

    /// <summary>Writes a policy with the tokenizer of a folder.</summary>
    /// <inheritdoc cref="WriteFolder"/>
    public static void Write(Policy policy, string tokenizerFolder, string output, string type, Action<string> note)
    {
        TokenTable table = TokenTable.Read(tokenizerFolder, policy.Architecture.VocabSize);
        GgufFile file = new();
        GgufModel.AddTo(file, policy, TypeOf(type, policy.Architecture), NameOf(tokenizerFolder));
        AddTokenizer(file, table);
        if (ChatTemplate.SourceIn(tokenizerFolder) is { } template)
        {
            file.Set("tokenizer.chat_template", template);
        }

        foreach (string sentence in table.Notes)
        {
            note(sentence);
        }

        WriteFile(file, output);
    }

    /// <summary>Writes a policy without a tokenizer, to be timed: readers refuse texts, and take ids.</summary>
    public static void WriteWithoutTokenizer(Policy policy, string output)
    {
        GgufFile file = new();
        GgufModel.AddTo(file, policy, policy.Options.Bf16 ? GgufType.Bf16 : GgufType.F32, "random weights");
        file.Set("tokenizer.ggml.model", "none");
        WriteFile(file, output);
    }

    private static void WriteFile(GgufFile file, string output) => DiskErrors.Translated($"writing {output}", () =>
    {
        using AtomicFile target = new(output);
        try
        {
            file.WriteTo(target.Stream);
        }
        catch (OverflowException e)
        {
            throw new DataException($"{output}: {e.Message}; --dtype bf16 or f32 holds it", e);
        }

        target.Commit();
    });

    private static GgufType TypeOf(string type, ModelArchitecture architecture) => type switch
    {
        "f32" => GgufType.F32,
        "f16" => GgufType.F16,
        "bf16" => GgufType.Bf16,
        "auto" => architecture.TorchDtype switch
        {
            "bfloat16" => GgufType.Bf16,
            "float16" => GgufType.F16,
            _ => GgufType.F32,
        },
        _ => throw new ConfigException($"the type '{type}' is not known; expected {string.Join(", ", Types)}"),
    };

    private static string NameOf(string folder) =>
        Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));

    private static void AddTokenizer(GgufFile file, TokenTable table)
    {
        file.Set("tokenizer.ggml.model", table.Model);
        if (table.Pre is { } pre)
        {
            file.Set("tokenizer.ggml.pre", pre);
        }

        file.Set("tokenizer.ggml.tokens", table.Tokens);
        file.Set("tokenizer.ggml.token_type", [.. table.Kinds.Select(k => (int)k)]);
        if (table.Scores.Count > 0)
        {
            file.Set("tokenizer.ggml.scores", table.Scores);
        }

        if (table.Model == "gpt2")
        {
            file.Set("tokenizer.ggml.merges", table.Merges);
        }
        else
        {
            file.Set("tokenizer.ggml.add_space_prefix", table.AddsBlank);
        }

        foreach ((string role, int id) in table.Roles)
        {
            file.Set($"tokenizer.ggml.{role}_token_id", (uint)id);
        }

        file.Set("tokenizer.ggml.add_bos_token", table.AddsBos);
    }
}
