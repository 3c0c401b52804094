using System;
using Tbrm.Core.Errors;

namespace Tbrm.Data.Prompts;

/// <summary>What becomes of a prompt with more tokens than <c>data.max_prompt_length</c>
/// (<c>data.truncation</c>).</summary>
public enum TruncationMode
{
    /// <summary>The run stops with an error.</summary>
    Error,

    /// <summary>Tokens are cut off at the left: the end of the prompt stays.</summary>
    Left,

    /// <summary>Tokens are cut off at the right: the beginning stays.</summary>
    Right,

    /// <summary>Tokens are cut out of the middle: the first half (rounded down) and the last half (rounded up)
    /// stay.</summary>
    Middle,
}

/// <summary>Cuts tokenised prompts to a maximal length, as verl does.</summary>
public static class Truncation
{
    /// <summary>At most <paramref name="maxTokens"/> of <paramref name="ids"/>; the same array when it is short
    /// enough.</summary>
    /// <exception cref="DataException">It is too long and the mode is <see cref="TruncationMode.Error"/>.</exception>
    public static int[] Apply(int[] ids, int maxTokens, TruncationMode mode)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxTokens);
        if (ids.Length <= maxTokens)
        {
            return ids;
        }

        int head = maxTokens / 2;
        return mode switch
        {
            TruncationMode.Left => ids[^maxTokens..],
            TruncationMode.Right => ids[..maxTokens],
            TruncationMode.Middle => [.. ids[..head], .. ids[^(maxTokens - head)..]],
            _ => throw new DataException(
                $"a prompt has {ids.Length} tokens, data.max_prompt_length is {maxTokens}: raise it, set "
                    + $"data.filter_overlong_prompts=True, or choose data.truncation=left, right or middle"),
        };
    }

    /// <summary>Reads the word of the configuration.</summary>
    /// <exception cref="ConfigException">Another word.</exception>
    public static TruncationMode Parse(string word) => word switch
    {
        "error" => TruncationMode.Error,
        "left" => TruncationMode.Left,
        "right" => TruncationMode.Right,
        "middle" => TruncationMode.Middle,
        _ => throw new ConfigException($"data.truncation is '{word}'; it must be error, left, right or middle"),
    };
}
