using System;
using Tbrm.Core;

namespace Tbrm.Training;

/// <summary>What the metrics need of one response.</summary>
/// <param name="Source">Data source.</param>
/// <param name="Problem">Which problem of the source: responses to the same problem have equal keys.</param>
/// <param name="Score">The grader's score, task units.</param>
/// <param name="Answer">As extracted; null for none.</param>
/// <param name="Status">How the score came about.</param>
/// <param name="Tokens">Response length; null when it is not known.</param>
/// <param name="End">Why the response ended; null when it is not known.</param>
public sealed record ResponseScore(
    string Source, string Problem, double Score, string? Answer, VerdictStatus Status, int? Tokens, TrajectoryEnd? End)
{
    /// <summary>The score as a share of the full one: graders that give -1 for a wrong answer count as 0 there.</summary>
    public double Accuracy => double.IsNaN(Score) ? Score : Math.Clamp(Score, 0, 1);

    /// <summary>Whether the problem is solved: the full score.</summary>
    public bool Solved => Score >= 1;
}
