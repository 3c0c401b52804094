using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Objectives.Bellman;
using Tbrm.Training.Prompts;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Steps;

/// <summary>
/// Stage 1 of A*-PO, arXiv 2505.20686: V*(x) of every prompt, from the rewards of samples of the reference policy. They
/// are kept in a file of the
/// run, a row per prompt in the order in which they were sampled, so that a run that was killed samples none twice.
/// Random streams are keyed by
/// the prompt itself: its rewards do not depend on when, or beside which others, it is sampled.
/// </summary>
internal sealed class OptimalValues
{
    private const string PromptKey = "prompt", RewardsKey = "rewards";
    private const int SampleBits = 15;

    private readonly string _path;
    private readonly AStarPoConfig _config;
    private readonly Dictionary<string, double[]> _rewards = new(StringComparer.Ordinal);

    /// <summary>Reads what the file holds; a last line that a kill cut short is dropped from it.</summary>
    /// <param name="path">The file; it need not be there.</param>
    /// <param name="config">The configuration.</param>
    /// <exception cref="DataException">The file is damaged, or was sampled otherwise.</exception>
    public OptimalValues(string path, RunConfig config)
    {
        _path = path;
        _config = config.Algorithm.AStarPo;
        JsonObject header = new()
        {
            ["samples"] = _config.NumGenToUse,
            ["temperature"] = config.Rollout.Temperature,
            ["max_response_length"] = config.Data.MaxResponseLength,
            ["seed"] = config.Trainer.Seed,
        };
        if (!File.Exists(path))
        {
            RunFolder.WriteText(path, header.ToJsonString() + "\n");
            return;
        }

        string text = File.ReadAllText(path);
        int whole = text.LastIndexOf('\n') + 1;
        if (whole < text.Length)
        {
            RunFolder.WriteText(path, text[..whole]);
        }

        string[] lines = text[..whole].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (lines.Length == 0 || !JsonNode.DeepEquals(Parse(lines[0], 1), header))
        {
            throw new DataException(
                $"{path} was sampled otherwise: it says {(lines.Length == 0 ? "nothing" : lines[0])}, the "
                    + $"configuration {header.ToJsonString()}; delete it to have V* estimated again");
        }

        for (int i = 1; i < lines.Length; i++)
        {
            JsonObject row = Parse(lines[i], i + 1);
            _rewards[(string)row[PromptKey]!] = [.. row[RewardsKey]!.AsArray().Select(r => (double)r!)];
        }
    }

    /// <summary>Prompts whose value is known.</summary>
    public int Count => _rewards.Count;

    /// <summary>The prompts whose value is not known, each once.</summary>
    public IReadOnlyList<EncodedPrompt> Missing(IReadOnlyList<EncodedPrompt> prompts) =>
        [.. prompts.Where(p => !_rewards.ContainsKey(KeyOf(p))).DistinctBy(KeyOf)];

    /// <summary>The trajectory ids of a prompt's samples: a function of its tokens.</summary>
    public long[] IdsOf(EncodedPrompt prompt)
    {
        long first = long.Parse(
            KeyOf(prompt).AsSpan(0, 12), NumberStyles.HexNumber, CultureInfo.InvariantCulture) << SampleBits;
        return [.. Enumerable.Range(0, _config.NumGenToUse).Select(i => first + i)];
    }

    /// <summary>Takes in what was sampled, and appends it to the file.</summary>
    public void Add(IReadOnlyList<(EncodedPrompt Prompt, double[] Rewards)> sampled)
    {
        using StreamWriter file = new(_path, append: true);
        foreach ((EncodedPrompt prompt, double[] rewards) in sampled)
        {
            _rewards[KeyOf(prompt)] = rewards;
            file.Write(new JsonObject
            {
                [PromptKey] = KeyOf(prompt),
                [RewardsKey] = new JsonArray([.. rewards.Select(r => (JsonNode)r)])
            }.ToJsonString() + "\n");
        }
    }

    /// <summary>V*(x), reward units.</summary>
    public double Of(EncodedPrompt prompt) => OptimalValue.Of(_rewards[KeyOf(prompt)], _config.Beta1);

    /// <summary>Whether the reference solved a prompt at least once, in part or whole.</summary>
    public bool IsEverRewarded(EncodedPrompt prompt) => _rewards[KeyOf(prompt)].Any(r => r != 0);

    /// <summary>Whether the value of the prompt with these tokens is known.</summary>
    public bool IsKnown(int[] ids) => _rewards.ContainsKey(KeyOf(ids));

    private static string KeyOf(EncodedPrompt prompt) => KeyOf(prompt.Ids);

    private static string KeyOf(int[] ids) =>
        Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(ids.AsSpan()))[..16]);

    private JsonObject Parse(string line, int number)
    {
        try
        {
            return JsonNode.Parse(line) as JsonObject
                ?? throw new DataException($"{_path}, line {number}: expected a JSON object");
        }
        catch (JsonException e)
        {
            throw new DataException($"{_path}, line {number}: {e.Message}", e);
        }
    }
}
