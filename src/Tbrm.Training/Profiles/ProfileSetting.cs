using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine.Models;
using Tbrm.Training.Config;
using Tbrm.Training.Plans;

namespace Tbrm.Training.Profiles;

/// <summary>One opponent at one size: what a child process needs to know.</summary>
/// <param name="Opponent">Who.</param>
/// <param name="Shape">The model.</param>
/// <param name="Config">The resolved configuration; every prompt and every response has its longest length.</param>
public sealed record ProfileSetting(Opponent Opponent, ProfileShape Shape, RunConfig Config)
{
    /// <summary>Response lengths and prompts of a step when nobody says.</summary>
    public const int DefaultLength = 192, DefaultBatch = 8, DefaultPrompt = 64;

    /// <summary>Trajectories of a micro-batch when nobody says.</summary>
    private const int MicroBatch = 4;

    /// <summary>Response tokens.</summary>
    public int Length => Config.Data.MaxResponseLength;

    /// <summary>Prompts of a step.</summary>
    public int Batch => Config.Data.TrainBatchSize;

    /// <summary>Whether weights and activations are bf16.</summary>
    public bool IsBf16 => Config.Model.Dtype == "bf16"
        || (Config.Model.Dtype == "auto" && Shape.Architecture.TorchDtype is "bfloat16" or "float16");

    /// <summary>How the policy is held.</summary>
    public PolicyOptions Options => new()
    {
        Bf16 = IsBf16,
        MaxPositions = Config.Data.MaxPromptLength + Config.Data.MaxResponseLength,
        Trainable = true,
        Recompute = Config.Model.EnableGradientCheckpointing,
        HeadBudgetBytes = HeadBudget.Bytes(Config),
        ValueHead = Config.Critic.SharedTrunk,
    };

    /// <summary>The policy's adapter; null where its weights are trained.</summary>
    public AdapterOptions? Adapter => AdapterOptions.Of(Config.Model);

    /// <summary>A setting of a user's keys.</summary>
    /// <param name="opponent">Who.</param>
    /// <param name="shape">The model.</param>
    /// <param name="length">Response tokens.</param>
    /// <param name="batch">Prompts of a step.</param>
    /// <param name="files">What -c names.</param>
    /// <param name="arguments">key=value, above everything.</param>
    /// <exception cref="ConfigException">A key or a number does not fit.</exception>
    public static ProfileSetting Of(Opponent opponent, ProfileShape shape, int length, int batch,
        IReadOnlyList<string> files, IReadOnlyList<string> arguments)
    {
        Positive("--lengths", length);
        Positive("--batch", batch);
        foreach (string key in arguments.Select(a => ConfigSchema.Canonical(a.Split('=', 2)[0].TrimStart('-', '+'))))
        {
            if (Fixed(key) is { } by)
            {
                throw new ConfigException($"{key} is what profile varies: {by}");
            }
        }

        string[] own =
        [
            $"algorithm.name={opponent.Algorithm}", Key("rollout.n", opponent.Samples),
            Key("data.max_response_length", length), Key("data.train_batch_size", batch), .. opponent.Keys,
        ];
        RunConfig config = ConfigLoader.Load(files, [.. arguments.Where(a => !IsShape(a))],
            above: [.. own.Select(ConfigEntry.FromArgument)],
            verbDefaults: [.. Defaults(opponent, length, batch).Select(ConfigEntry.FromArgument)]);
        return new(opponent, shape, config);
    }

    /// <summary>For a child's standard input.</summary>
    public JsonObject ToJson() => new()
    {
        ["opponent"] = Opponent.Name,
        ["shape"] = Shape.Name,
        ["architecture"] = Shape.Json,
        ["config"] = ConfigWriter.ToYaml(Config),
    };

    /// <summary>What <see cref="ToJson"/> wrote.</summary>
    public static ProfileSetting FromJson(JsonNode json) => new(
        Opponent.Parse([(string)json["opponent"]!])[^1],
        new((string)json["shape"]!, (string)json["architecture"]!),
        ConfigLoader.FromYaml((string)json["config"]!, "the parent's configuration"));

    private static IEnumerable<string> Defaults(Opponent opponent, int length, int batch)
    {
        long longest = DefaultPrompt + length;
        return
        [
            Key("data.max_prompt_length", DefaultPrompt), "sft.total_training_steps=0", "model.dtype=auto",
            Key("actor.ppo_max_token_len_per_gpu", longest * MicroBatch),
            // No more than the step needs, so that what is planned and what comes are the same batch.
            Key("rollout.max_num_seqs", (long)batch * opponent.Samples),
            Key("rollout.max_num_batched_tokens", Math.Min(4096, (long)batch * DefaultPrompt)),
            "trainer.total_training_steps=1000",
        ];
    }

    private static string? Fixed(string key) => key switch
    {
        "algorithm.name" => "--vs names the algorithms",
        "rollout.n" => "--vs ALGORITHM-nN",
        "data.max_response_length" => "--lengths",
        "data.train_batch_size" => "--batch",
        _ => null,
    };

    private static bool IsShape(string argument) =>
        ConfigSchema.Canonical(argument.Split('=', 2)[0].TrimStart('-', '+')) == "model.path";

    private static void Positive(string option, int value)
    {
        if (value is < 1 or > 1_000_000)
        {
            throw new ConfigException($"{option} {value}: a whole number from 1 to 1000000 was expected");
        }
    }

    private static string Key(string key, long value) => string.Create(CultureInfo.InvariantCulture, $"{key}={value}");
}
