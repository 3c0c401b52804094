using System;
using System.Collections.Generic;
using System.Linq;

namespace Tbrm.Training.Evaluation;

/// <summary>The responses to one problem as arrays.</summary>
internal sealed class ProblemResponses(IReadOnlyList<ResponseScore> responses, Func<string, string, bool>? sameAnswer)
{
    public int Count => responses.Count;

    /// <summary>Score as a share of the full one, [n].</summary>
    public double[] Accuracy { get; } = [.. responses.Select(r => r.Accuracy)];

    /// <summary>The grader's scores, [n].</summary>
    public double[] Score { get; } = [.. responses.Select(r => r.Score)];

    /// <summary>The names of the graders' further numbers that every response has.</summary>
    public IEnumerable<string> NumberNames => responses.Select(r => r.Numbers?.Keys ?? [])
        .Aggregate((all, next) => all.Intersect(next));

    /// <summary>One of the graders' further numbers, [n].</summary>
    public double[] NumbersOf(string name) => [.. responses.Select(r => r.Numbers![name])];

    /// <summary>Responses with the full score.</summary>
    public int Solved { get; } = responses.Count(r => r.Solved);

    /// <summary>Which answer each response gives, [n]; see <see cref="MajorityVote.Votes"/>.</summary>
    public int[] Votes { get; } = responses.Count == 1 ? [0]
        : MajorityVote.Votes([.. responses.Select(r => r.Answer)], sameAnswer);
}
