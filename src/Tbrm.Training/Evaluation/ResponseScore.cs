using System;
using System.Collections.Generic;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;

namespace Tbrm.Training.Evaluation;

/// <summary>What the metrics need of one response.</summary>
/// <param name="Source">Data source.</param>
/// <param name="Problem">Which problem of the source: responses to the same problem have equal keys.</param>
/// <param name="Score">The grader's score, task units.</param>
/// <param name="Answer">As extracted; null for none.</param>
/// <param name="Status">How the score came about.</param>
/// <param name="Tokens">Response length; null when it is not known.</param>
/// <param name="End">Why the response ended; null when it is not known.</param>
public sealed record ResponseScore(
    string Source, string Problem, double Score, string? Answer, GradeStatus Status, int? Tokens, TrajectoryEnd? End)
{
    /// <summary>Whether the answer is right, 0 to 1, where the score has bonuses or penalties in it; null when the
    /// score alone says it.</summary>
    public double? Correct { get; init; }

    /// <summary>The grader's further numbers by name; null for none.</summary>
    public IReadOnlyDictionary<string, double>? Numbers { get; init; }

    /// <summary>The share of the full score that the answer got: graders that give -1 for a wrong answer count as 0
    /// there.</summary>
    public double Accuracy => Math.Clamp(Correct ?? Score, 0, 1);

    /// <summary>Whether the problem is solved: the full score.</summary>
    public bool Solved => (Correct ?? Score) >= 1;
}
