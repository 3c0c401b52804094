using System.Collections.Generic;

namespace Tbrm.Core.Rewards;

/// <summary>How a grader came to its score. Everything but <see cref="Ok"/> is counted as a metric, never hidden in a
/// zero.</summary>
public enum GradeStatus
{
    /// <summary>An answer was found and graded.</summary>
    Ok,

    /// <summary>The response holds no answer in the form that the grader reads.</summary>
    NoAnswer,

    /// <summary>The wall clock passed its limit before there was a grade: a program that hangs, or a machine that
    /// stands still. It depends on the machine.</summary>
    Timeout,

    /// <summary>The grader failed; <see cref="GradeResult.Detail"/> says why.</summary>
    Error,

    /// <summary>The answer takes more steps of work than one answer may: the same on every machine, whatever its load.
    /// It scores as a wrong answer.</summary>
    OutOfSteps,
}

/// <summary>What a grader says of one response.</summary>
/// <param name="Score">Task units; 0 unless <paramref name="Status"/> is Ok or the grader defines another
/// value.</param>
/// <param name="Status">How the score came about.</param>
/// <param name="Extracted">The answer as read from the response; null when none was found.</param>
/// <param name="Detail">Why, when the status is not Ok; null otherwise.</param>
public sealed record GradeResult(double Score, GradeStatus Status, string? Extracted = null, string? Detail = null)
{
    /// <summary>Further numbers of the grade by name, as verl's graders return beside <c>score</c> (<c>acc</c>,
    /// <c>format</c>); null for none.</summary>
    public IReadOnlyDictionary<string, double>? Numbers { get; init; }

    /// <summary>
    /// Whether there is no grade: the grader failed, ran into the wall clock, or gave a score that is no number.
    /// <see cref="GradeStatus.OutOfSteps"/>
    /// is a grade: it says something about the answer, and says it every time.
    /// </summary>
    public bool IsFailure => Status is GradeStatus.Timeout or GradeStatus.Error || !double.IsFinite(Score);
}

/// <summary>The words for statuses in files and metrics.</summary>
public static class GradeStatusNames
{
    /// <summary><c>ok</c>, <c>no_answer</c>, <c>timeout</c>, <c>error</c>, <c>out_of_steps</c>.</summary>
    public static string Word(this GradeStatus status) => status switch
    {
        GradeStatus.Ok => "ok",
        GradeStatus.NoAnswer => "no_answer",
        GradeStatus.Timeout => "timeout",
        GradeStatus.OutOfSteps => "out_of_steps",
        _ => "error",
    };
}
