using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;

namespace Tbrm.Core.Rewards;

/// <summary>What is to be graded: verl's <c>compute_score(data_source, solution_str, ground_truth,
/// extra_info)</c>.</summary>
/// <param name="DataSource">The row's data source.</param>
/// <param name="Solution">The decoded response, special tokens removed.</param>
/// <param name="GroundTruth">The row's ground truth, as the file has it.</param>
/// <param name="ExtraInfo">The row's extra fields (grader options, a task's metadata); null when there are
/// none.</param>
public sealed record GradeRequest(string DataSource, string Solution, GroundTruth GroundTruth,
    JsonObject? ExtraInfo = null)
{
    /// <summary>
    /// Grades against each right answer, for graders that compare texts. The best score of those that could be graded
    /// counts; where none is above 0
    /// and one ran out of time, the verdict is that time-out, since it may have been right.
    /// </summary>
    /// <param name="grade">Grades the response against one right answer.</param>
    public Verdict AgainstEach(Func<string, Verdict> grade)
    {
        ArgumentNullException.ThrowIfNull(grade);
        IReadOnlyList<string> answers = GroundTruth.Alternatives;
        if (answers.Count == 1)
        {
            return grade(answers[0]);
        }

        if (answers.Count == 0)
        {
            return new(0, VerdictStatus.Error, null,
                "the ground truth is no text, number or list of them, which is what this grader compares with an "
                    + "answer; use a grader of your own (command or assembly)");
        }

        List<Verdict> verdicts = [];
        foreach (string answer in answers)
        {
            Verdict verdict = grade(answer);
            if (verdict.Score >= 1)
            {
                return verdict;
            }

            verdicts.Add(verdict);
        }

        Verdict? best = verdicts.Where(v => !v.IsFailure).MaxBy(v => v.Score);
        return best is { Score: > 0 } ? best : verdicts.FirstOrDefault(v => v.Status == VerdictStatus.Timeout) ?? best
            ?? verdicts[0];
    }
}
