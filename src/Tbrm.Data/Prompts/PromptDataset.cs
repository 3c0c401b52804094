using System;
using System.Collections.Generic;
using System.Text;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Core.Rewards;
using Tbrm.Data.Sampling;
using Tbrm.Data.Sources;

namespace Tbrm.Data.Prompts;

/// <summary>
/// The prompts of data files, in memory. Equal texts are stored once and extra fields as UTF-8, so that a file which
/// repeats every problem a hundred times (DAPO-Math-17k) costs about a hundred bytes a row.
/// </summary>
public sealed class PromptDataset : IPromptSource
{
    private readonly List<StoredPrompt> _prompts = [];
    private readonly Dictionary<string, string> _texts = new(StringComparer.Ordinal);

    private readonly Dictionary<GroundTruth, GroundTruth> _truths = [];
    private readonly Dictionary<TemplateVariables, TemplateVariables> _variables = [];

    private PromptDataset(PromptCounts counts)
    {
        Counts = counts;
    }

    /// <summary>What became of the rows.</summary>
    public PromptCounts Counts { get; }

    /// <inheritdoc/>
    public long? Count => _prompts.Count;

    /// <summary>Reads files; the parameters are those of <see cref="PromptReader"/>.</summary>
    /// <exception cref="DataException">A file is missing or damaged, a row does not have the shape, or nothing is
    /// left.</exception>
    public static PromptDataset Load(IReadOnlyList<string> paths, PromptOptions options,
        Func<Prompt, int>? countTokens = null, Action<Prompt>? check = null)
    {
        PromptReader reader = new(paths, options, countTokens, check);
        PromptDataset data = new(reader.Counts);
        Dictionary<string, ChatMessage[]> conversations = new(StringComparer.Ordinal);
        foreach (Prompt prompt in reader.Read())
        {
            data._prompts.Add(data.Store(prompt, conversations));
        }

        data.KeepRandomSamples(options);
        data._texts.Clear();
        data._texts.TrimExcess();
        data._truths.Clear();
        data._truths.TrimExcess();
        data._variables.Clear();
        data._variables.TrimExcess();
        return data._prompts.Count > 0 ? data
            : throw new DataException($"{string.Join(", ", paths)}: no prompts are left: {reader.Counts}");
    }

    /// <inheritdoc/>
    public Prompt Get(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, _prompts.Count);
        StoredPrompt stored = _prompts[(int)index];
        return new Prompt
        {
            DataSource = stored.DataSource,
            Messages = stored.Messages,
            Variables = stored.Variables,
            GroundTruth = stored.GroundTruth,
            Ability = stored.Ability,
            Index = stored.Index,
            ExtraInfo = stored.ExtraInfo is null ? null : (JsonObject)JsonNode.Parse(stored.ExtraInfo)!,
        };
    }

    private StoredPrompt Store(Prompt prompt, Dictionary<string, ChatMessage[]> conversations)
    {
        return new StoredPrompt(
            Pooled(prompt.DataSource),
            PooledConversation(prompt.Messages, conversations),
            Pooled(prompt.Variables, _variables),
            Pooled(prompt.GroundTruth, _truths),
            Pooled(prompt.Ability),
            prompt.Index,
            prompt.ExtraInfo is null ? null : Encoding.UTF8.GetBytes(prompt.ExtraInfo.ToJsonString()));
    }

    private string Pooled(string text) => Pooled(text, _texts);

    /// <summary>The first of equal values.</summary>
    private static T Pooled<T>(T value, Dictionary<T, T> pool) where T : notnull
    {
        if (!pool.TryGetValue(value, out T? first))
        {
            pool.Add(value, first = value);
        }

        return first;
    }

    /// <summary>A conversation of one message, by far the most common, is found by its text; the rest must agree as
    /// well.</summary>
    private ChatMessage[] PooledConversation(IReadOnlyList<ChatMessage> messages,
        Dictionary<string, ChatMessage[]> conversations)
    {
        ChatMessage[] pooled = new ChatMessage[messages.Count];
        if (pooled.Length == 1 && conversations.TryGetValue(messages[0].Content, out ChatMessage[]? known)
            && known[0] == messages[0])
        {
            return known;
        }

        for (int i = 0; i < pooled.Length; i++)
        {
            pooled[i] = new ChatMessage(
                Pooled(messages[i].Role), Pooled(messages[i].Content))
            {
                Fields = messages[i].Fields is { } fields
                ? Pooled(fields) : null
            };
        }

        if (pooled.Length == 1)
        {
            conversations.TryAdd(pooled[0].Content, pooled);
        }

        return pooled;
    }

    /// <summary>Keeps a random subset, in the files' order.</summary>
    private void KeepRandomSamples(PromptOptions options)
    {
        if (options.MaxSamplesSeed is not ulong seed || options.MaxSamples is not (long max and >= 0)
            || max >= _prompts.Count)
        {
            return;
        }

        int[] chosen = RandomSubset.Choose(_prompts.Count, (int)max, seed);
        Counts.BeyondMaxSamples += _prompts.Count - chosen.Length;
        for (int i = 0; i < chosen.Length; i++)
        {
            _prompts[i] = _prompts[chosen[i]];
        }

        _prompts.RemoveRange(chosen.Length, _prompts.Count - chosen.Length);
        _prompts.TrimExcess();
        Counts.Kept = _prompts.Count;
    }

    private readonly record struct StoredPrompt(
        string DataSource, ChatMessage[] Messages, TemplateVariables Variables, GroundTruth GroundTruth, string Ability,
            long Index, byte[]? ExtraInfo);
}
