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
    /// and one ran out of time, the grade is that time-out, since it may have been right.
    /// </summary>
    /// <param name="compare">Grades the response against one right answer.</param>
    public GradeResult AgainstEach(Func<string, GradeResult> compare)
    {
        ArgumentNullException.ThrowIfNull(compare);
        IReadOnlyList<string> answers = GroundTruth.Alternatives;
        if (answers.Count == 1)
        {
            return compare(answers[0]);
        }

        if (answers.Count == 0)
        {
            return new(0, GradeStatus.Error, null,
                "the ground truth is no text, number or list of them, which is what this grader compares with an "
                    + "answer; use a grader of your own (command or assembly)");
        }

        List<GradeResult> grades = [];
        foreach (string answer in answers)
        {
            GradeResult grade = compare(answer);
            if (grade.Score >= 1)
            {
                return grade;
            }

            grades.Add(grade);
        }

        GradeResult? best = grades.Where(v => !v.IsFailure).MaxBy(v => v.Score);
        return best is { Score: > 0 } ? best : grades.FirstOrDefault(v => v.Status == GradeStatus.Timeout) ?? best
            ?? grades[0];
    }
}
