using System;
using System.Threading;

namespace Tbrm.Core.Rewards;

/// <summary>Grades responses. Implementations are thread-safe, keep no state between calls and do not throw for bad
/// answers.</summary>
public interface IGrader
{
    /// <summary>The name by which configuration and <c>score --grader</c> select it.</summary>
    string Name { get; }

    /// <summary>Responses that it grades at a time: as many as processors, or, where grading waits for another
    /// program, as many as that answers.</summary>
    int Concurrency => Environment.ProcessorCount;

    /// <summary>Grades one response. Honours <paramref name="stop"/> as its wall-clock limit and then answers
    /// Timeout.</summary>
    GradeResult Grade(GradeRequest request, CancellationToken stop);
}
