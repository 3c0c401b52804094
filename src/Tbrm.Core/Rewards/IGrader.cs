using System.Text.Json.Nodes;
using System.Threading;

namespace Tbrm.Core;

/// <summary>What is to be judged: verl's <c>compute_score(data_source, solution_str, ground_truth, extra_info)</c>.</summary>
/// <param name="DataSource">The row's data source.</param>
/// <param name="Solution">The decoded response, special tokens removed.</param>
/// <param name="GroundTruth">The row's ground truth.</param>
/// <param name="ExtraInfo">The row's extra fields (grader options, a task's metadata); null when there are none.</param>
public sealed record GradeRequest(string DataSource, string Solution, string GroundTruth, JsonObject? ExtraInfo = null);

/// <summary>Judges responses. Implementations are thread-safe, keep no state between calls and do not throw for bad answers.</summary>
public interface IGrader
{
    /// <summary>The name by which configuration and <c>score --grader</c> select it.</summary>
    string Name { get; }

    /// <summary>Judges one response. Honours <paramref name="stop"/> as its wall-clock limit and then answers Timeout.</summary>
    Verdict Grade(GradeRequest request, CancellationToken stop);
}
