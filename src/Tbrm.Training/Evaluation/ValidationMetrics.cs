using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Tbrm.Tasks.Python;

namespace Tbrm.Training.Evaluation;

/// <summary>verl's validation metrics: computed for every problem, then averaged over those that have the
/// metric.</summary>
internal static class ValidationMetrics
{
    public const string Accuracy = "acc", Reward = "reward";

    /// <summary>Names and values by variable.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<KeyValuePair<string, double>>> Of(
        IReadOnlyList<ProblemResponses> problems)
    {
        Dictionary<string, IReadOnlyList<KeyValuePair<string, double>>> variables = new(StringComparer.Ordinal)
        {
            [Accuracy] = Average(problems, p => p.Accuracy),
            [Reward] = Average(problems, p => p.Score),
        };

        // What a grader returns beside its score is a variable like these.
        foreach (string name in problems.Select(p => p.NumberNames).Aggregate((all, next) => all.Intersect(next))
            .Order(StringComparer.Ordinal))
        {
            if (!variables.ContainsKey(name))
            {
                variables[name] = Average(problems, p => p.NumbersOf(name));
            }
        }

        return variables;
    }

    /// <summary>
    /// The full name: what is said of the whole set by <c>acc</c> (mean, best, maj of all n responses) is
    /// <c>val-core</c>, everything else
    /// <c>val-aux</c>.
    /// </summary>
    public static string FullName(string source, string variable, string metric, int largestN)
    {
        bool core = variable == Accuracy && (Starts(metric, "mean") || Starts(metric, "maj") || Starts(metric, "best"))
            && metric.Contains("@" + largestN.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
        return $"{(core ? "val-core" : "val-aux")}/{source}/{variable}/{metric}";
    }

    /// <summary>The k that verl draws: 2, 4, 8 and so on below n, and n.</summary>
    public static IEnumerable<int> Sizes(int responses)
    {
        for (int k = 2; k < responses; k *= 2)
        {
            yield return k;
        }

        if (responses > 1)
        {
            yield return responses;
        }
    }

    private static bool Starts(string metric, string prefix) => metric.StartsWith(prefix, StringComparison.Ordinal);

    private static List<KeyValuePair<string, double>> Average(IReadOnlyList<ProblemResponses> problems,
        Func<ProblemResponses, double[]> values)
    {
        List<string> names = [];
        Dictionary<string, List<double>> byName = new(StringComparer.Ordinal);
        foreach (ProblemResponses problem in problems)
        {
            foreach ((string name, double value) in OfProblem(values(problem), problem.Votes))
            {
                if (!byName.TryGetValue(name, out List<double>? all))
                {
                    byName.Add(name, all = []);
                    names.Add(name);
                }

                all.Add(value);
            }
        }

        return [.. names.Select(name =>
            KeyValuePair.Create(name,
            NumpyStatistics.Mean(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(byName[name]))))];
    }

    private static IEnumerable<(string Name, double Value)> OfProblem(double[] values, int[] votes)
    {
        int n = values.Length;
        yield return ($"mean@{n}", NumpyStatistics.Mean(values));
        if (n > 1)
        {
            yield return ($"std@{n}", NumpyStatistics.StandardDeviation(values));
        }

        foreach (int k in Sizes(n))
        {
            BootstrapEstimate best = Bootstrap.Best(values, k), worst = Bootstrap.Worst(values, k),
                majority = Bootstrap.Majority(values, votes, k);
            yield return ($"best@{k}/mean", best.Mean);
            yield return ($"best@{k}/std", best.Std);
            yield return ($"worst@{k}/mean", worst.Mean);
            yield return ($"worst@{k}/std", worst.Std);
            yield return ($"maj@{k}/mean", majority.Mean);
            yield return ($"maj@{k}/std", majority.Std);
        }
    }
}
