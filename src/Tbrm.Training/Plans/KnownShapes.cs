using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Engine.Models;

namespace Tbrm.Training.Plans;

/// <summary>Shapes of published models by name, so that a run can be planned where the model is not yet.</summary>
internal static class KnownShapes
{
    private const string Qwen2 = "Qwen2ForCausalLM", Qwen3 = "Qwen3ForCausalLM", Llama = "LlamaForCausalLM",
        Gemma3 = "Gemma3ForCausalLM";

    /// <summary>As their config.json files have them. A longer name stands before the shorter one that it begins
    /// with.</summary>
    private static readonly Shape[] s_shapes =
    [
        new("Qwen2.5-0.5B", Qwen2, 896, 4864, 24, 14, 2, 64, 151936, true),
        new("Qwen2.5-1.5B", Qwen2, 1536, 8960, 28, 12, 2, 128, 151936, true),
        new("Qwen2.5-3B", Qwen2, 2048, 11008, 36, 16, 2, 128, 151936, true),
        new("Qwen2.5-7B", Qwen2, 3584, 18944, 28, 28, 4, 128, 152064, false),
        new("Qwen2.5-14B", Qwen2, 5120, 13824, 48, 40, 8, 128, 152064, false),
        new("Qwen2.5-Math-1.5B", Qwen2, 1536, 8960, 28, 12, 2, 128, 151936, true),
        new("Qwen2.5-Math-7B", Qwen2, 3584, 18944, 28, 28, 4, 128, 152064, false),
        new("DeepSeek-R1-Distill-Qwen-1.5B", Qwen2, 1536, 8960, 28, 12, 2, 128, 151936, false),
        new("DeepSeek-R1-Distill-Qwen-7B", Qwen2, 3584, 18944, 28, 28, 4, 128, 152064, false),
        new("Qwen3-0.6B", Qwen3, 1024, 3072, 28, 16, 8, 128, 151936, true),
        new("Qwen3-1.7B", Qwen3, 2048, 6144, 28, 16, 8, 128, 151936, true),
        new("Qwen3-4B", Qwen3, 2560, 9728, 36, 32, 8, 128, 151936, true),
        new("Qwen3-8B", Qwen3, 4096, 12288, 36, 32, 8, 128, 151936, false),
        new("Llama-3.2-1B", Llama, 2048, 8192, 16, 32, 8, 64, 128256, true),
        new("Llama-3.2-3B", Llama, 3072, 8192, 28, 24, 8, 128, 128256, true),
        new("Llama-3.1-8B", Llama, 4096, 14336, 32, 32, 8, 128, 128256, false),
        new("gemma-3-270m", Gemma3, 640, 2048, 18, 4, 1, 256, 262144, true),
        new("gemma-3-1b", Gemma3, 1152, 6912, 26, 4, 1, 256, 262144, true),
    ];

    /// <summary>Names of the shapes.</summary>
    public static IEnumerable<string> Names => s_shapes.Select(s => s.Name);

    /// <summary>The shape that a model folder's name begins with (so that -Instruct and -Base are theirs too), or
    /// null.</summary>
    public static ModelArchitecture? Find(string folder)
    {
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));
        return s_shapes.FirstOrDefault(s => name.Equals(s.Name, StringComparison.OrdinalIgnoreCase)
            || name.StartsWith(s.Name + "-", StringComparison.OrdinalIgnoreCase))?.Architecture();
    }

    private sealed record Shape(string Name, string Kind, int Hidden, int Intermediate, int Layers, int Heads,
        int KvHeads, int HeadDim, int Vocabulary, bool IsTied)
    {
        public ModelArchitecture Architecture() => ModelArchitecture.Parse(new JsonObject
        {
            ["architectures"] = new JsonArray(Kind),
            ["hidden_size"] = Hidden,
            ["intermediate_size"] = Intermediate,
            ["num_hidden_layers"] = Layers,
            ["num_attention_heads"] = Heads,
            ["num_key_value_heads"] = KvHeads,
            ["head_dim"] = HeadDim,
            ["vocab_size"] = Vocabulary,
            ["tie_word_embeddings"] = IsTied,
            ["torch_dtype"] = "bfloat16",
        }.ToJsonString(), Name);
    }
}
