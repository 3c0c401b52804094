using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading;
using Tbrm.Core;

namespace Tbrm.Verify;

/// <summary>What came of grading every ground truth against itself.</summary>
/// <param name="Total">Ground truths tried.</param>
/// <param name="Passed">Those that the grader accepts as their own answer.</param>
/// <param name="Failures">The first few others, in words.</param>
public sealed record SelfTestResult(int Total, int Passed, IReadOnlyList<string> Failures)
{
    /// <summary>The share that passed; 1 when there was nothing to try.</summary>
    public double Share => Total == 0 ? 1 : (double)Passed / Total;
}

/// <summary>
/// Before training: a grader that rejects the ground truths as answers would teach nothing but zeros, silently. Every ground
/// truth is wrapped as an answer in the form that the grader reads, and must score above zero.
/// </summary>
public static class GraderSelfTest
{
    private const int Examples = 5;

    /// <summary>Grades every ground truth against itself.</summary>
    /// <param name="manager">The grader.</param>
    /// <param name="rows">What is graded.</param>
    /// <param name="stated">
    /// The rows' solutions already state their ground truths in the form that the grader reads, and must get the full score of 1; otherwise each
    /// ground truth is stated here.
    /// </param>
    /// <param name="stop">Stops it.</param>
    public static SelfTestResult Run(RewardManager manager, IReadOnlyList<GradeRequest> rows, bool stated = false, CancellationToken stop = default)
    {
        GradeRequest[] requests = [.. rows.Select(r => r with { Solution = stated ? r.Solution : AsAnswer(r.GroundTruth), ExtraInfo = WithLength(r.ExtraInfo) })];
        Verdict[] verdicts = manager.Grade(requests, stop);
        List<string> failures = [];
        int passed = 0;
        for (int i = 0; i < requests.Length; i++)
        {
            if (stated ? verdicts[i].Score >= 1 : verdicts[i].Score > 0)
            {
                passed++;
            }
            else if (failures.Count < Examples)
            {
                failures.Add($"row {i + 1}{(requests[i].DataSource.Length > 0 ? " of " + requests[i].DataSource : "")}: '{requests[i].GroundTruth}' ({verdicts[i].Status}{(verdicts[i].Detail is { } detail ? ": " + detail : "")})");
            }
        }

        return new SelfTestResult(requests.Length, passed, failures);
    }

    /// <summary>Stops when fewer than <paramref name="minimum"/> of the ground truths pass.</summary>
    /// <exception cref="ConfigException">They do not; the message lists examples.</exception>
    public static void Require(RewardManager manager, IReadOnlyList<GradeRequest> rows, double minimum = 0.95, bool stated = false,
        CancellationToken stop = default)
    {
        SelfTestResult result = Run(manager, rows, stated, stop);
        if (result.Share >= minimum)
        {
            return;
        }

        StringBuilder message = new();
        message.Append(CultureInfo.InvariantCulture, $"the grader '{manager.Grader.Name}' accepts only {result.Passed} of {result.Total} ground truths as their own answer ");
        message.Append(CultureInfo.InvariantCulture, $"({result.Share:P1}, {minimum:P0} needed); choose another grader or mend the data. Examples:");
        foreach (string failure in result.Failures)
        {
            message.Append("\n  ").Append(failure);
        }

        throw new ConfigException(message.ToString());
    }

    /// <summary>The answer in every form that a built-in grader reads: a box, an answer line, a marked number.</summary>
    private static string AsAnswer(string groundTruth) => $"\\boxed{{{groundTruth}}}\n#### {groundTruth}\nAnswer: {groundTruth}";

    // Shaping terms need a length; a short one keeps them from deciding.
    private static JsonObject WithLength(JsonObject? extra)
    {
        JsonObject result = extra is null ? [] : (JsonObject)extra.DeepClone();
        result[ResponseLength.Key] = 1;
        return result;
    }
}
