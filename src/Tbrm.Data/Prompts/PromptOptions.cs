using System.Collections.Generic;
using Tbrm.Core.Errors;

namespace Tbrm.Data.Prompts;

/// <summary>How the fields of a row become a prompt.</summary>
public enum PromptShape
{
    /// <summary>verl's schema where its fields are there, else the shape of a known benchmark.</summary>
    Auto,

    /// <summary>verl's schema and nothing else.</summary>
    Verl,

    /// <summary>As <see cref="Auto"/>, and the instructions that DAPO-Math-17k puts around each problem are cut
    /// off.</summary>
    Dapo,
}

/// <summary>What of the data files becomes a prompt (configuration section <c>data</c>).</summary>
public sealed record PromptOptions
{
    /// <summary>How rows are read.</summary>
    public PromptShape Shape { get; init; }

    /// <summary>The columns of verl's schema.</summary>
    public PromptKeys Keys { get; init; } = new();

    /// <summary>False takes rows that have a conversation (the prompt's column, or messages) and no answer.</summary>
    public bool NeedsAnswer { get; init; } = true;

    /// <summary>
    /// GSM8K's own rows ask nothing but the question, and their grader reads what follows <c>####</c>: true appends
    /// verl's sentence that asks for it.
    /// </summary>
    public bool AsksGsm8kForm { get; init; } = true;

    /// <summary>Stands in for the rows' own data source; null keeps theirs.</summary>
    public string? DataSource { get; init; }

    /// <summary>Rows that not all of these accept are left out.</summary>
    public IReadOnlyList<RowFilter> Filters { get; init; } = [];

    /// <summary>Only the first of several prompts with the same text is kept.</summary>
    public bool Deduplicate { get; init; }

    /// <summary>At most this many are kept (<c>data.train_max_samples</c>); null or a negative number keeps
    /// all.</summary>
    public long? MaxSamples { get; init; }

    /// <summary>With a value, the samples kept are drawn at random by this seed (their order stays); otherwise they are
    /// the first.</summary>
    public ulong? MaxSamplesSeed { get; init; }

    /// <summary>Prompts with more tokens are left out (<c>data.max_prompt_length</c> with
    /// <c>data.filter_overlong_prompts</c>); null keeps all.</summary>
    public int? MaxPromptTokens { get; init; }

    /// <summary>Reads the word of the configuration.</summary>
    /// <exception cref="ConfigException">Another word.</exception>
    public static PromptShape ParseShape(string word) => word switch
    {
        "auto" => PromptShape.Auto,
        "verl" => PromptShape.Verl,
        "dapo" => PromptShape.Dapo,
        _ => throw new ConfigException($"the shape is '{word}'; it must be auto, verl or dapo"),
    };
}
