using System;
using System.Collections.Generic;
using System.Threading;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Data.Json;
using Tbrm.Data.Parquet;
using Tbrm.Data.Parquet.Writing;
using Tbrm.Data.Prompts;
using Tbrm.Data.Sources;

namespace Tbrm.Data.Prepare;

/// <summary>Writes the prompts of data files as one file in verl's schema (<c>data prepare</c>).</summary>
public static class DataPreparer
{
    /// <summary>The format to write: the word if there is one, else what the file's name ends with.</summary>
    /// <exception cref="ConfigException">Neither is known.</exception>
    public static RowFormat ParseFormat(string? word, string path)
    {
        string named = path.EndsWith(".parquet", StringComparison.OrdinalIgnoreCase) ? "parquet" : "jsonl";
        return (word ?? named) switch
        {
            "jsonl" => RowFormat.JsonLines,
            "parquet" => RowFormat.Parquet,
            _ => throw new ConfigException($"--format is '{word}'; it must be jsonl or parquet"),
        };
    }

    /// <summary>Reads, filters and writes; the output appears under its name only when it is complete.</summary>
    /// <exception cref="DataException">An input is missing or damaged, no prompt is left, or the output cannot be
    /// written.</exception>
    public static PromptCounts Prepare(IReadOnlyList<string> inputs, string output, RowFormat format,
        PromptOptions options, CancellationToken stop)
    {
        PromptDataset? dataset = format == RowFormat.Parquet || options.MaxSamplesSeed is not null
            ? PromptDataset.Load(inputs, options) : null;
        PromptReader reader = new(inputs, options);
        IEnumerable<Prompt> prompts = dataset is null ? reader.Read() : All(dataset);
        long written = format == RowFormat.Parquet ? WriteParquet(All(dataset!), output, stop)
            : WriteJsonLines(prompts, output, stop);
        PromptCounts counts = dataset?.Counts ?? reader.Counts;
        return written > 0 ? counts
            : throw new DataException($"{string.Join(", ", inputs)}: no prompts are left: {counts}");
    }

    private static IEnumerable<Prompt> All(PromptDataset dataset)
    {
        for (long i = 0; i < dataset.Count; i++)
        {
            yield return dataset.Get(i);
        }
    }

    private static long WriteJsonLines(IEnumerable<Prompt> prompts, string output, CancellationToken stop)
    {
        using JsonLinesWriter writer = new(output);
        foreach (Prompt prompt in prompts)
        {
            stop.ThrowIfCancellationRequested();
            writer.Write(PromptRow.FromPrompt(prompt));
        }

        if (writer.Rows > 0)
        {
            writer.Complete();
        }

        return writer.Rows;
    }

    /// <summary>Twice over the prompts: the extra fields of all of them make the schema.</summary>
    private static long WriteParquet(IEnumerable<Prompt> prompts, string output, CancellationToken stop)
    {
        SchemaInference schema = new();
        foreach (Prompt prompt in prompts)
        {
            stop.ThrowIfCancellationRequested();
            schema.Add(PromptRow.FromPrompt(prompt, isColumnar: true));
        }

        using ParquetWriter writer = new(output, schema);
        foreach (Prompt prompt in prompts)
        {
            stop.ThrowIfCancellationRequested();
            writer.Write(PromptRow.FromPrompt(prompt, isColumnar: true));
        }

        writer.Complete();
        return writer.Rows;
    }
}
