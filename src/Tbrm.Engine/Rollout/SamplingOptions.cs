using System;
using Tbrm.Interop.Handles;

namespace Tbrm.Engine.Rollout;

/// <summary>How responses are sampled.</summary>
public sealed record SamplingOptions
{
    /// <summary>Longest response, in tokens.</summary>
    public required int MaxNewTokens { get; init; }

    /// <summary>Stop ids are masked before this many tokens.</summary>
    public int MinNewTokens { get; init; }

    /// <summary>0 = off.</summary>
    public int TopK { get; init; }

    /// <summary>1 = off.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>0 = off.</summary>
    public float MinP { get; init; }

    /// <summary>0 = greedy.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>1 = off.</summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>Keys the random streams together with the trajectory ids.</summary>
    public ulong Seed { get; init; }

    /// <summary>Ids from here on are never sampled; 0 = all may be.</summary>
    public int SampledVocabSize { get; init; }

    /// <summary>Ids that end a response.</summary>
    public ReadOnlyMemory<int> StopIds { get; init; }

    /// <summary>Texts that end a response.</summary>
    public string[] StopStrings { get; init; } = [];

    internal NativeSamplingOptions Native() => new()
    {
        MaxNewTokens = MaxNewTokens,
        MinNewTokens = MinNewTokens,
        TopK = TopK,
        TopP = TopP,
        MinP = MinP,
        Temperature = Temperature,
        RepetitionPenalty = RepetitionPenalty,
        Seed = Seed,
        SampledVocabSize = SampledVocabSize,
        StopIds = StopIds,
        StopStrings = StopStrings,
    };
}
