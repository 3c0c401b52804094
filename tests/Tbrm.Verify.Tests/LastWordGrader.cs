#pragma warning disable CA1050 // in no namespace: the class as the guide shows it
using System;
using System.Threading;
using Tbrm.Core.Rewards;

public sealed class LastWordGrader : IGrader
{
    public string Name => "last_word";

    public GradeResult Grade(GradeRequest request, CancellationToken stop) =>
        new(request.Solution.Trim().EndsWith(" " + request.GroundTruth.Text, StringComparison.Ordinal) ? 1 : 0,
            GradeStatus.Ok);
}
