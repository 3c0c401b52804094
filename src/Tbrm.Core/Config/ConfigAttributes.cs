using System;

namespace Tbrm.Core.Config;

/// <summary>The numbers that a configuration key may hold; both ends are allowed unless they are said to be
/// exclusive.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class AllowedRangeAttribute(double minimum, double maximum) : Attribute
{
    /// <summary>Smallest allowed value.</summary>
    public double Minimum { get; } = minimum;

    /// <summary>Largest allowed value.</summary>
    public double Maximum { get; } = maximum;

    /// <summary>The minimum itself is not allowed.</summary>
    public bool ExclusiveMinimum { get; init; }
}

/// <summary>The words that a configuration key may hold.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class AllowedWordsAttribute(params string[] words) : Attribute
{
    /// <summary>The words.</summary>
    public string[] Words { get; } = words;
}

/// <summary>When a key, or the keys of a section, have an effect; without it they always have.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class RelevantWhenAttribute(string condition) : Attribute
{
    /// <summary>In words: <c>algorithm.name=ppo</c>, <c>data.task is set</c>.</summary>
    public string Condition { get; } = condition;
}
