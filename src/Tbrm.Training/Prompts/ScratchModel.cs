using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Data.Prompts;
using Tbrm.Data.Sources;
using Tbrm.Engine.Models;
using Tbrm.Text.Tokenizers;

namespace Tbrm.Training.Prompts;

/// <summary>A small model and its tokenizer, made from scratch from the prompts that it will be trained on.</summary>
public static class ScratchModel
{
    /// <summary>Prompts that the tokenizer is trained on.</summary>
    private const int SamplePrompts = 2000;

    private const int VocabularySize = 512;

    private const string Gemma = "gemma3", Granite = "granite";

    /// <summary>Rows of the embedding are padded to whole panels of the GEMM.</summary>
    private const int VocabularyMultiple = 64;

    private const string EndOfText = "<|endoftext|>", TurnStart = "<|im_start|>", TurnEnd = "<|im_end|>";

    /// <summary>One token each, as in the vocabularies of models that think; not special, so that they stay in a
    /// decoded response.</summary>
    private static readonly string[] s_tags = ["<think>", "</think>", "<answer>", "</answer>"];

    /// <summary>ChatML, as Qwen's own template renders messages without tools.</summary>
    internal const string ChatTemplate =
        "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' "
            + "}}{%- endfor %}"
        + "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}";

    /// <summary>The tokenizer of a configuration without a model: from its problems, or else from its supervised
    /// files.</summary>
    /// <exception cref="ConfigException">There are neither.</exception>
    public static Tokenizer TrainTokenizer(RunConfig config, IPromptSource? problems) => problems is not null
        ? TrainTokenizer(problems)
        : config.Sft.TrainFiles.Count > 0 ? TrainTokenizer(SupervisedFiles.Texts(config))
        : throw new ConfigException(
            "without model.path a model is built from the training prompts, and there are none: set data.task, "
                + "data.tasks, data.train_files or sft.train_files");

    /// <summary>Byte-level BPE that cuts at digits only, so that a task's set phrases are one token each; trained on
    /// the first prompts of a source and their answers.</summary>
    private static Tokenizer TrainTokenizer(IPromptSource source)
    {
        long count = System.Math.Min(source.Count ?? SamplePrompts, SamplePrompts);
        return TrainTokenizer(Enumerable.Range(0, (int)count).Select(i => source.Get(i))
            .Select(p => (p.Messages, p.GroundTruth.Alternatives is [string first, ..] ? first : null)));
    }

    /// <summary>The same, trained on the first rows of supervised files.</summary>
    private static Tokenizer TrainTokenizer(IEnumerable<SupervisedExample> examples) =>
        TrainTokenizer(examples.Take(SamplePrompts).Select(e => (e.Messages, e.Response)));

    private static Tokenizer TrainTokenizer(IEnumerable<(
        IReadOnlyList<ChatMessage> Messages, string? Answer)> conversations)
    {
        BpeTrainer trainer = new(WordSplit.Phrases);
        foreach ((IReadOnlyList<ChatMessage> messages, string? answer) in conversations)
        {
            foreach (ChatMessage message in messages)
            {
                trainer.Add(message.Role + "\n" + message.Content);
            }

            if (answer is not null)
            {
                trainer.Add("assistant\n" + answer);
            }
        }

        TokenizerBuilder builder = trainer.Train(VocabularySize);
        builder.AddSpecialToken(EndOfText, "pad");
        builder.AddSpecialToken(TurnStart);
        builder.AddSpecialToken(TurnEnd, "eos");
        foreach (string tag in s_tags)
        {
            builder.AddToken(new AddedToken(tag));
        }

        builder.ChatTemplate = ChatTemplate;
        return builder.Build();
    }

    /// <summary>The architecture that the configuration asks for, with room for the tokenizer's ids.</summary>
    public static ModelArchitecture Architecture(ScratchModelConfig config, ITokenizer tokenizer, int maxPositions)
    {
        int vocabulary = tokenizer.VocabularySize;
        JsonObject json = new()
        {
            ["architectures"] = new JsonArray(config.Architecture switch
            {
                "qwen3" => "Qwen3ForCausalLM",
                "llama" => "LlamaForCausalLM",
                Gemma => "Gemma3ForCausalLM",
                Granite => "GraniteForCausalLM",
                _ => "Qwen2ForCausalLM",
            }),
            ["model_type"] = config.Architecture == Gemma ? "gemma3_text" : config.Architecture,
            ["vocab_size"] = (vocabulary + VocabularyMultiple - 1) / VocabularyMultiple * VocabularyMultiple,
            ["hidden_size"] = config.HiddenSize,
            ["intermediate_size"] = config.IntermediateSize,
            ["num_hidden_layers"] = config.NumHiddenLayers,
            ["num_attention_heads"] = config.NumAttentionHeads,
            ["num_key_value_heads"] = config.NumKeyValueHeads,
            [config.Architecture == Gemma ? "hidden_activation" : "hidden_act"] = config.Architecture == Gemma
                ? "gelu_pytorch_tanh" : "silu",
            ["max_position_embeddings"] = maxPositions,
            ["initializer_range"] = config.InitializerRange,
            ["rms_norm_eps"] = 1e-6,
            ["rope_theta"] = config.RopeTheta,
            ["tie_word_embeddings"] = true,
            ["use_sliding_window"] = false,
            ["torch_dtype"] = "float32",
            // Without them a response never ends where the model is generated from by transformers.
            ["bos_token_id"] = null,
            ["eos_token_id"] = tokenizer.EosId,
            ["pad_token_id"] = tokenizer.PadId,
        };
        AddOwnKeys(json, config);
        return ModelArchitecture.Parse(json.ToJsonString(), "model.scratch");
    }

    /// <summary>What an architecture's configuration has beside the keys that all have.</summary>
    private static void AddOwnKeys(JsonObject json, ScratchModelConfig config)
    {
        int headDim = config.HiddenSize / config.NumAttentionHeads;
        if (!config.Architecture.StartsWith("qwen", StringComparison.Ordinal))
        {
            json.Remove("use_sliding_window");
        }

        if (config.Architecture is "qwen3" or Gemma)
        {
            json["head_dim"] = headDim;
        }

        if (config.Architecture == Granite)
        {
            // The published models' numbers, but for the width that they go with.
            json["embedding_multiplier"] = 12.0;
            json["residual_multiplier"] = 0.22;
            json["attention_multiplier"] = 1.0 / headDim;
            json["logits_scaling"] = 2.0;
        }

        if (config.Architecture != Gemma)
        {
            return;
        }

        int layers = config.NumHiddenLayers;
        json["query_pre_attn_scalar"] = headDim;
        json["sliding_window"] = config.SlidingWindow;
        json["layer_types"] = new JsonArray([.. Enumerable.Range(1, layers)
            .Select(i => (JsonNode)(i % 6 == 0 || i == layers ? "full_attention" : "sliding_attention"))]);
        json["rope_local_base_freq"] = config.RopeTheta;
        json["attn_logit_softcapping"] = null;
        json["final_logit_softcapping"] = null;
    }

    /// <summary>generation_config.json of such a model: where a response ends.</summary>
    public static JsonObject GenerationConfig(ITokenizer tokenizer) =>
        new() { ["eos_token_id"] = tokenizer.EosId, ["pad_token_id"] = tokenizer.PadId };
}
