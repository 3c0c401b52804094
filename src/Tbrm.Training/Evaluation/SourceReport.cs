using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;
using Tbrm.Tasks.Python;

namespace Tbrm.Training.Evaluation;

/// <summary>What an evaluation found on one data source.</summary>
public sealed record SourceReport
{
    /// <summary>The data source.</summary>
    public required string Source { get; init; }

    /// <summary>Problems asked.</summary>
    public required int Problems { get; init; }

    /// <summary>Responses sampled.</summary>
    public required int Responses { get; init; }

    /// <summary>Responses per problem: the fewest that any problem has.</summary>
    public required int Samples { get; init; }

    /// <summary>avg@n: accuracy, averaged over the responses of a problem, then over problems.</summary>
    public required double Mean { get; init; }

    /// <summary>Standard error of <see cref="Mean"/> over the choice of problems; NaN for a single problem.</summary>
    public required double StandardError { get; init; }

    /// <summary>pass@k for k = 1 to <see cref="Samples"/>, averaged over problems.</summary>
    public required IReadOnlyList<double> Pass { get; init; }

    /// <summary>maj@n: accuracy of the majority vote over all responses of a problem, averaged over problems.</summary>
    public required double Majority { get; init; }

    /// <summary>Mean response length, tokens; null when it is not known.</summary>
    public required double? MeanTokens { get; init; }

    /// <summary>Share of responses that hit the length limit; null when it is not known.</summary>
    public required double? Truncated { get; init; }

    /// <summary>Responses without an answer, that the grader ran out of time on, that it failed on.</summary>
    public required (int NoAnswer, int Timeout, int Error) Ungraded { get; init; }

    /// <summary>Responses whose answer took more steps than one answer may.</summary>
    public required int OutOfSteps { get; init; }

    /// <summary>verl's metrics: variable (acc, reward), then name (mean@8, best@4/std), then value.</summary>
    public required IReadOnlyDictionary<string, IReadOnlyList<KeyValuePair<string, double>>> Variables { get; init; }

    /// <summary>The report of the responses of one source; their order is the order of voting.</summary>
    public static SourceReport Of(string source, IReadOnlyList<ResponseScore> responses,
        Func<string, string, bool>? sameAnswer)
    {
        List<ProblemResponses> problems =
            [.. responses.GroupBy(r => r.Problem, StringComparer.Ordinal)
            .Select(g => new ProblemResponses([.. g], sameAnswer))];
        int samples = problems.Min(p => p.Count);
        double[] means = [.. problems.Select(p => NumpyStatistics.Mean(p.Accuracy))];
        double mean = NumpyStatistics.Mean(means);
        List<int> tokens = [.. responses.Where(r => r.Tokens is not null).Select(r => r.Tokens!.Value)];
        List<TrajectoryEnd> ends = [.. responses.Where(r => r.End is not null).Select(r => r.End!.Value)];
        return new SourceReport
        {
            Source = source,
            Problems = problems.Count,
            Responses = responses.Count,
            Samples = samples,
            Mean = mean,
            StandardError = Math.Sqrt(means.Sum(m => (m - mean) * (m - mean)) / (means.Length - 1.0) / means.Length),
            Pass = [.. Enumerable.Range(1, samples)
                .Select(k => problems.Average(p => PassAtK.Estimate(p.Count, p.Solved, k)))],
            Majority = problems.Average(p => p.Accuracy[MajorityVote.Winner(p.Votes)]),
            MeanTokens = tokens.Count == 0 ? null : tokens.Average(),
            Truncated = ends.Count == 0 ? null : ends.Average(e => e == TrajectoryEnd.Length ? 1.0 : 0),
            Ungraded = (Count(responses, GradeStatus.NoAnswer), Count(responses, GradeStatus.Timeout),
                Count(responses, GradeStatus.Error)),
            OutOfSteps = Count(responses, GradeStatus.OutOfSteps),
            Variables = ValidationMetrics.Of(problems),
        };
    }

    /// <summary>One JSON object; every number of the report.</summary>
    public JsonObject ToJson()
    {
        JsonObject pass = [];
        for (int k = 1; k <= Pass.Count; k++)
        {
            pass[k.ToString(System.Globalization.CultureInfo.InvariantCulture)] = Pass[k - 1];
        }

        return new()
        {
            ["data_source"] = Source,
            ["problems"] = Problems,
            ["responses"] = Responses,
            ["samples_per_problem"] = Samples,
            ["mean"] = Finite(Mean),
            ["standard_error"] = Finite(StandardError),
            ["pass_at_k"] = pass,
            ["majority"] = Finite(Majority),
            ["response_tokens_mean"] = MeanTokens,
            ["truncated"] = Truncated,
            ["no_answer"] = Ungraded.NoAnswer,
            ["out_of_steps"] = OutOfSteps,
            ["timeout"] = Ungraded.Timeout,
            ["error"] = Ungraded.Error,
        };
    }

    private static int Count(IReadOnlyList<ResponseScore> responses, GradeStatus status) =>
        responses.Count(r => r.Status == status);

    /// <summary>JSON has no word for NaN.</summary>
    private static JsonNode? Finite(double value) => double.IsFinite(value) ? value : null;
}
