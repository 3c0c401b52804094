using System;
using Tbrm.Text.Json;
using Tbrm.Text.Patterns;

namespace Tbrm.Text.PreTokenizers;

/// <summary>Chooses how a regular expression is matched: by hand where it is known, by interpretation
/// otherwise.</summary>
internal static class PatternFactory
{
    /// <summary>Any one character.</summary>
    public const string AnyCharacter = @"[\s\S]";

    /// <summary>A matcher for the pattern; <paramref name="where"/> names its place when it cannot be
    /// matched.</summary>
    public static IPattern Create(string pattern, JsonView where)
    {
        try
        {
            return Known(pattern) ?? new RegexPattern(pattern);
        }
        catch (FormatException e)
        {
            throw where.Fail($"the pattern {pattern} cannot be used: {e.Message}");
        }
    }

    private static IPattern? Known(string pattern) => pattern switch
    {
        ModernWordPattern.Qwen2 => new ModernWordPattern(maxDigits: 1),
        ModernWordPattern.Llama3 => new ModernWordPattern(maxDigits: 3),
        AnyCharacter => RunePattern.Any,
        Gpt2WordPattern.Gpt2 => new Gpt2WordPattern(),
        _ => null,
    };
}
