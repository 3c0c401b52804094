using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Interop;

namespace Tbrm.Engine.Models;

/// <summary>What <c>config.json</c> says of a decoder; the raw object is kept so that saving changes nothing that we do
/// not read.</summary>
public sealed record ModelArchitecture
{
    /// <summary>Names of the architectures that can be loaded.</summary>
    public static IReadOnlyList<string> Known { get; } = [.. DecoderFamily.All.Select(f => f.Name)];

    /// <summary>The first entry of <c>architectures</c>; of a critic, the language model that it is made of.</summary>
    public required string Name { get; init; }

    /// <summary>What stands on the last hidden state: an LM head, or a critic's value head.</summary>
    internal HeadKind Head { get; init; }

    /// <summary>Rows of the embedding, padding rows included.</summary>
    public required int VocabSize { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width of the feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Key-value heads.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>Width of a head.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Longest sequence that the checkpoint was made for.</summary>
    public required int MaxPositionEmbeddings { get; init; }

    /// <summary>The head is the embedding.</summary>
    public required bool TieWordEmbeddings { get; init; }

    /// <summary>What sets the layers apart from a plain decoder's, as the library reads it.</summary>
    internal string Description { get; init; } = "";

    /// <summary>Added to the mean square.</summary>
    public required float RmsNormEps { get; init; }

    /// <summary>What the layers see.</summary>
    internal LayerAttention Attention { get; init; } = LayerAttention.Full;

    /// <summary>Rotations, scaled.</summary>
    public required RopeFrequencies Rope { get; init; }

    /// <summary><c>bfloat16</c>, <c>float16</c> or <c>float32</c>: the type of the checkpoint's tensors.</summary>
    public required string TorchDtype { get; init; }

    /// <summary>The file's own object.</summary>
    public required JsonObject Raw { get; init; }

    /// <summary>What a person should know about the folder: sentences.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The same with a head of its own, in what is saved too.</summary>
    internal ModelArchitecture WithOwnHead(string note)
    {
        JsonObject raw = (JsonObject)Raw.DeepClone();
        raw["tie_word_embeddings"] = false;
        return this with { TieWordEmbeddings = false, Raw = raw, Notes = [.. Notes, note] };
    }

    /// <summary>Parameters, a tied head counted once.</summary>
    public long ParameterCount => ModelMemory.Counted(this, null).Parameters;

    /// <summary>Positions that the checkpoint is made for, its RoPE scaling included; longer sequences compute, but
    /// nobody trained them.</summary>
    public int ContextLength => (int)Math.Min(int.MaxValue, Math.Max(MaxPositionEmbeddings, Rope.ScaledLength));

    /// <summary>Reads a <c>config.json</c>; <paramref name="where"/> names it in messages.</summary>
    public static ModelArchitecture Parse(string json, string where)
    {
        JsonObject raw = ConfigJson.Parse(json, where);
        ConfigJson read = new(raw, where);
        (DecoderFamily family, HeadKind head) = Family(raw, where);
        RefuseVariants(read, family);
        int hidden = read.Int("hidden_size", most: ModelLimits.HiddenSize),
            heads = read.Int("num_attention_heads", most: ModelLimits.Heads);
        int headDim = read.Int("head_dim", family.HeadDim ?? hidden / heads);
        if (headDim is < 2 or > 256 || headDim % 2 != 0)
        {
            throw new DataException(
                $"{where}: head_dim is {headDim}; expected an even number of at most 256 (rotary embedding "
                    + "turns pairs)");
        }

        int keyValueHeads = read.Int("num_key_value_heads", family.KeyValueHeads ?? heads, ModelLimits.Heads);
        if (heads % keyValueHeads != 0)
        {
            throw new DataException(
                $"{where}: num_key_value_heads is {keyValueHeads}; expected a divisor of num_attention_heads, which "
                    + $"is {heads}");
        }

        int positions = read.Int("max_position_embeddings", family.MaxPositions);
        int vocabulary = read.Int("vocab_size", most: ModelLimits.VocabSize);
        CheckEndIds(raw, vocabulary, where);
        LayerAttention attention = LayerAttention.Read(read, family);
        return new()
        {
            Name = family.Name,
            Head = head,
            VocabSize = vocabulary,
            HiddenSize = hidden,
            IntermediateSize = read.Int("intermediate_size", most: ModelLimits.IntermediateSize),
            Layers = read.Int("num_hidden_layers", most: ModelLimits.Layers),
            Heads = heads,
            KeyValueHeads = keyValueHeads,
            HeadDim = headDim,
            MaxPositionEmbeddings = positions,
            TieWordEmbeddings = read.Bool("tie_word_embeddings", family.TiesHead),
            Description = ArchitectureSetting.Describe(
                [.. family.Settings.Select(s => (s.Name, s.Value(read))), .. attention.Settings()]),
            RmsNormEps = (float)read.Double(
                "rms_norm_eps", 1e-6, above: ModelLimits.LeastNormEps, below: ModelLimits.MostNormEps),
            Attention = attention,
            Rope = RopeFrequencies.Create(read, family, headDim, positions),
            TorchDtype = Type(read),
            Raw = raw,
        };
    }

    /// <summary>
    /// The same decoder with a value head, as Hugging Face writes it: a classifier with one label. A critic's
    /// architecture is returned as it is.
    /// </summary>
    public ModelArchitecture AsCritic()
    {
        if (Head != HeadKind.Lm)
        {
            return this;
        }

        JsonObject raw = (JsonObject)Raw.DeepClone();
        (string name, HeadKind head) = DecoderFamily.Named(Name)!.Critic;
        raw["architectures"] = new JsonArray(name);
        raw["id2label"] = new JsonObject { ["0"] = "LABEL_0" };
        raw["label2id"] = new JsonObject { ["LABEL_0"] = 0 };
        return this with { Head = head, Raw = raw };
    }

    /// <summary>The native configuration of a model of this architecture.</summary>
    /// <exception cref="DataException">Sequences may get longer than the checkpoint's rotations hold.</exception>
    /// <param name="options">How it is held.</param>
    /// <param name="trainable">Whether the weights are trained.</param>
    internal NativeModelConfig Native(PolicyOptions options, bool trainable) => new()
    {
        Dtype = options.Bf16 ? Dtype.Bf16 : Dtype.F32,
        VocabSize = VocabSize,
        HiddenSize = HiddenSize,
        IntermediateSize = IntermediateSize,
        NLayers = Layers,
        NHeads = Heads,
        NKvHeads = KeyValueHeads,
        HeadDim = HeadDim,
        MaxPositions = Rope.Checked(options.MaxPositions),
        TieWordEmbeddings = TieWordEmbeddings ? 1 : 0,
        Trainable = trainable ? 1 : 0,
        Recompute = options.Recompute ? 1 : 0,
        RmsNormEps = RmsNormEps,
        RopeAttentionFactor = Rope.AttentionFactor,
        HeadKind = options.ValueHead && Head == HeadKind.Lm ? HeadKind.LmValue : Head,
        HeadBudgetBytes = options.HeadBudgetBytes,
        ZeroStage = options.ZeroStage,
        NRanks = options.Ranks,
    };

    /// <summary>The first of <c>architectures</c>; where the file has none, that of its <c>model_type</c>.</summary>
    private static (DecoderFamily Family, HeadKind Head) Family(JsonObject raw, string where)
    {
        string name = raw["architectures"] switch
        {
            null => DecoderFamily.OfType(raw["model_type"]?.ToString())?.Name ?? "",
            JsonArray { Count: > 0 } list when list[0] is JsonValue first
                && first.TryGetValue(out string? text) => text,
            JsonArray { Count: 0 } => "",
            JsonNode other =>
                throw new DataException(
                $"{where}: expected a list of names at architectures, found {ConfigJson.Shown(other)}"),
        };
        if (DecoderFamily.OfClassifier(name) is { } classifier)
        {
            RefuseSeveralLabels(raw, name, where);
            return classifier;
        }

        if (DecoderFamily.Refused.TryGetValue(name, out string? reason))
        {
            throw new DataException($"{where}: architecture '{name}' is not supported: {reason}");
        }

        return DecoderFamily.Named(name) is { } known ? (known, HeadKind.Lm)
            : throw new DataException(
                $"{where}: architecture '{name}' is not supported; supported are {string.Join(", ", Known)}");
    }

    /// <summary>A value model has one label; transformers writes their names, and takes two where it finds
    /// none.</summary>
    private static void RefuseSeveralLabels(JsonObject raw, string name, string where)
    {
        int labels = raw["id2label"] is JsonObject named ? named.Count
            : new ConfigJson(raw, where).Int("num_labels", 2);
        if (labels != 1)
        {
            throw new DataException(
                $"{where}: {name} with {labels} labels is a classifier; expected a value model, which has one label "
                    + "(id2label or num_labels)");
        }
    }

    /// <summary>The tensors' type; transformers 5 writes <c>dtype</c>, older ones <c>torch_dtype</c>.</summary>
    private static string Type(ConfigJson read)
    {
        string type = read.Text("torch_dtype") ?? read.Text("dtype") ?? "float32";
        return type is "float32" or "bfloat16" or "float16" or "float64" or "auto" ? type
            : throw new DataException(
                $"{read.Where}: {(read.Text("torch_dtype") is null ? "dtype" : "torch_dtype")} is '{type}'; expected "
                    + "float32, bfloat16 or float16");
    }

    /// <summary>An end token that the vocabulary does not have would end no response.</summary>
    private static void CheckEndIds(JsonObject raw, int vocabulary, string where)
    {
        JsonNode? found = raw["eos_token_id"];
        JsonNode?[] ids = found switch { null => [], JsonArray several => [.. several], _ => [found] };
        foreach (JsonNode? id in ids)
        {
            double number = id is JsonValue value && value.GetValueKind() == System.Text.Json.JsonValueKind.Number
                && value.TryGetValue(out double given) ? given : double.NaN;
            if (number >= vocabulary)
            {
                throw new DataException(
                    $"{where}: eos_token_id is {ConfigJson.Shown(found)}; vocab_size is {vocabulary}, so "
                        + $"{ConfigJson.Shown(id)} is no token");
            }

            if (!(number >= 0 && double.IsInteger(number)))
            {
                throw new DataException(
                    $"{where}: expected a token's id or a list of ids at eos_token_id, "
                        + $"found {ConfigJson.Shown(found)}");
            }
        }
    }

    /// <summary>Settings of a known architecture that would change the arithmetic in ways that are not built.</summary>
    private static void RefuseVariants(ConfigJson read, DecoderFamily family)
    {
        string where = read.Where, activation = read.Text(family.Activation.Key) ?? family.Activation.Name;
        if (activation != family.Activation.Name)
        {
            throw new DataException(
                $"{where}: {family.Activation.Key} '{activation}' is not supported; expected {family.Activation.Name}");
        }

        if (!family.MaySlide && read.Bool("use_sliding_window", false))
        {
            throw new DataException(
                $"{where}: use_sliding_window=true is not supported: it is a key of Qwen's");
        }

        AttentionVariants.Refuse(read, family);

        foreach (string key in new[] { "mlp_bias", "attention_bias" })
        {
            if (!family.IgnoredKeys.Contains(key) && read.Bool(key, false))
            {
                throw new DataException($"{where}: {key}=true is not supported");
            }
        }

        if (read.Double("partial_rotary_factor", 1) != 1)
        {
            throw new DataException(
                $"{where}: partial_rotary_factor is not supported; rotary embedding here turns whole heads");
        }

        if (read.Object("quantization_config") is not null)
        {
            throw new DataException($"{where}: quantized weights are not supported; use the bf16 or fp32 checkpoint");
        }
    }
}
