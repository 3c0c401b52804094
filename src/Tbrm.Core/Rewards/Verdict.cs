namespace Tbrm.Core;

/// <summary>How a grader came to its score. Everything but <see cref="Ok"/> is counted as a metric, never hidden in a zero.</summary>
public enum VerdictStatus
{
    /// <summary>An answer was found and judged.</summary>
    Ok,

    /// <summary>The response holds no answer in the form that the grader reads.</summary>
    NoAnswer,

    /// <summary>The wall-clock limit passed before there was a verdict.</summary>
    Timeout,

    /// <summary>The grader failed; <see cref="Verdict.Detail"/> says why.</summary>
    Error,
}

/// <summary>What a grader says of one response.</summary>
/// <param name="Score">Task units; 0 unless <paramref name="Status"/> is Ok or the grader defines another value.</param>
/// <param name="Status">How the score came about.</param>
/// <param name="Extracted">The answer as read from the response; null when none was found.</param>
/// <param name="Detail">Why, when the status is not Ok; null otherwise.</param>
public sealed record Verdict(double Score, VerdictStatus Status, string? Extracted = null, string? Detail = null);
