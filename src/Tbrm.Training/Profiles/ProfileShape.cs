using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Engine.Models;
using Tbrm.Training.Plans;

namespace Tbrm.Training.Profiles;

/// <summary>The model that is profiled: a shape with random weights, as memory and time do not depend on
/// them.</summary>
/// <param name="Name">For people.</param>
/// <param name="Json">Its config.json.</param>
public sealed record ProfileShape(string Name, string Json)
{
    /// <summary>The built-in shape: small enough for seconds, with a vocabulary that makes the head count.</summary>
    public const string Small = "small";

    /// <summary>Every name that <see cref="Find"/> takes.</summary>
    public static IEnumerable<string> Names => KnownShapes.Names.Prepend(Small);

    /// <summary>The decoder.</summary>
    public ModelArchitecture Architecture => ModelArchitecture.Parse(Json, Name);

    /// <summary>The shape that a user names: <see cref="Small"/>, a published model's, or a model folder's.</summary>
    /// <exception cref="ConfigException">There is no such shape.</exception>
    public static ProfileShape Find(string? name, string folder)
    {
        if (folder.Length > 0 && name is not null)
        {
            throw new ConfigException($"--shape {name} and model.path={folder} both name a model; give one of them");
        }

        if (folder.Length > 0)
        {
            return Directory.Exists(folder) ? new(folder, ModelFolder.ReadArchitecture(folder).Raw.ToJsonString())
                : Published(folder) ?? throw new DataException(
                    $"model folder {folder} does not exist; --shape takes {string.Join(", ", Names)}");
        }

        return name is null or Small ? new(Small, SmallJson()) : Published(name) ?? throw new ConfigException(
            $"--shape {name}: there is no such shape{NearestName.Hint(name, Names)} "
            + $"(all: {string.Join(", ", Names)}; or model.path=FOLDER)");
    }

    private static ProfileShape? Published(string name) =>
        KnownShapes.Find(name) is { } known ? new(name, known.Raw.ToJsonString()) : null;

    private static string SmallJson() => new JsonObject
    {
        ["architectures"] = new JsonArray("Qwen2ForCausalLM"),
        ["hidden_size"] = 256,
        ["intermediate_size"] = 768,
        ["num_hidden_layers"] = 6,
        ["num_attention_heads"] = 4,
        ["num_key_value_heads"] = 2,
        ["head_dim"] = 64,
        ["vocab_size"] = 8192,
        ["tie_word_embeddings"] = true,
        ["torch_dtype"] = "float32",
    }.ToJsonString();
}
