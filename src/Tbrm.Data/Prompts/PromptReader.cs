using System;
using System.Collections.Generic;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Data.Sources;

namespace Tbrm.Data.Prompts;

/// <summary>Streams the prompts of data files through filter, deduplication, length limit and the limit on their
/// number.</summary>
public sealed class PromptReader
{
    private readonly IReadOnlyList<string> _paths;
    private readonly PromptOptions _options;
    private readonly Func<Prompt, int>? _countTokens;
    private readonly Action<Prompt>? _check;

    /// <summary>Reads nothing yet.</summary>
    /// <param name="paths">The files, in order.</param>
    /// <param name="options">What is kept.</param>
    /// <param name="countTokens">Tokens of a prompt with its template applied; needed for
    /// <see cref="PromptOptions.MaxPromptTokens"/>.</param>
    /// <param name="check">Throws <see cref="LeftOutException"/> for a prompt that cannot be used; null for
    /// none.</param>
    /// <exception cref="ConfigException">There is no file, or a length limit without a way to count.</exception>
    public PromptReader(IReadOnlyList<string> paths, PromptOptions options, Func<Prompt, int>? countTokens = null,
        Action<Prompt>? check = null)
    {
        if (paths.Count == 0)
        {
            throw new ConfigException(
                "no data files are given; set data.train_files (or data.val_files) to one or more");
        }

        if (options.MaxPromptTokens is not null && countTokens is null)
        {
            throw new ConfigException("filtering overlong prompts needs a tokenizer to count with");
        }

        _paths = paths;
        _options = options;
        _countTokens = countTokens;
        _check = check;
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

        if (TryRead(row, path, index) is not { } prompt)
        {
            return null;
        }

        if (seen is not null && !seen.TryAdd(prompt))
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

    /// <summary>Where every row must have its answer (generate), a row that cannot be used is an error
    /// instead.</summary>
    private Prompt? TryRead(SourceRow row, string path, long index)
    {
        try
        {
            Prompt prompt = PromptRow.ToPrompt(row, path, index, _options);
            _check?.Invoke(prompt);
            foreach (string column in PromptRow.UnreadColumns(row.Row, _options))
            {
                Counts.UnreadColumns[column] = Counts.UnreadColumns.GetValueOrDefault(column) + 1;
            }

            return prompt;
        }
        catch (LeftOutException e) when (_options.NeedsAnswer)
        {
            Counts.LeftOut.Add(e.Reason, row.Where);
            return null;
        }
    }
}
