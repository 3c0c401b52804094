using System;
using System.Collections.Generic;
using Tbrm.Core;

namespace Tbrm.Data;

/// <summary>Streams the prompts of data files through filter, deduplication, length limit and the limit on their number.</summary>
public sealed class PromptReader
{
    private readonly IReadOnlyList<string> _paths;
    private readonly PromptOptions _options;
    private readonly Func<Prompt, int>? _countTokens;

    /// <summary>Reads nothing yet.</summary>
    /// <param name="paths">The files, in order.</param>
    /// <param name="options">What is kept.</param>
    /// <param name="countTokens">Tokens of a prompt with its template applied; needed for <see cref="PromptOptions.MaxPromptTokens"/>.</param>
    /// <exception cref="ConfigException">There is no file, or a length limit without a way to count.</exception>
    public PromptReader(IReadOnlyList<string> paths, PromptOptions options, Func<Prompt, int>? countTokens = null)
    {
        if (paths.Count == 0)
        {
            throw new ConfigException("no data files are given; set data.train_files (or data.val_files) to one or more");
        }

        if (options.MaxPromptTokens is not null && countTokens is null)
        {
            throw new ConfigException("filtering overlong prompts needs a tokenizer to count with");
        }

        _paths = paths;
        _options = options;
        _countTokens = countTokens;
    }

    /// <summary>What became of the rows read so far.</summary>
    public PromptCounts Counts { get; } = new();

    /// <summary>
    /// The prompts, in order. <see cref="Prompt.Index"/> is the row's number over all files, from 0, counted before
    /// anything is left out: it stays the same when filters change.
    /// </summary>
    /// <exception cref="DataException">A file is missing or damaged, or a row does not have the shape.</exception>
    public IEnumerable<Prompt> Read()
    {
        PromptDeduplicator? seen = _options.Deduplicate ? new() : null;
        long limit = _options.MaxSamplesSeed is null && _options.MaxSamples is long max and >= 0 ? max : long.MaxValue;
        long index = 0;
        foreach (string path in _paths)
        {
            if (Counts.Kept >= limit)
            {
                break;
            }

            foreach (SourceRow row in RowFile.Read(path))
            {
                Counts.Read++;
                if (ToPrompt(row, path, index++, seen) is not Prompt prompt)
                {
                    continue;
                }

                Counts.Kept++;
                yield return prompt;
                if (Counts.Kept >= limit)
                {
                    break;
                }
            }
        }
    }

    /// <summary>The row as a prompt; null, and counted, when it is left out.</summary>
    private Prompt? ToPrompt(SourceRow row, string path, long index, PromptDeduplicator? seen)
    {
        foreach (RowFilter filter in _options.Filters)
        {
            if (!filter.Accepts(row.Row))
            {
                Counts.Filtered++;
                return null;
            }
        }

        Prompt prompt = PromptRow.ToPrompt(row, path, index, _options);
        if (seen is not null && !seen.TryAdd(prompt.Messages))
        {
            Counts.Duplicates++;
            return null;
        }

        if (_options.MaxPromptTokens is int maxTokens && _countTokens!(prompt) > maxTokens)
        {
            Counts.Overlong++;
            return null;
        }

        return prompt;
    }
}
