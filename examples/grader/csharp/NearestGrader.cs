using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Threading;
using Tbrm.Core.Rewards;

namespace Example;

/// <summary>How near the last number of a response is to the right one: 1 when it is equal, 0 from <c>reach</c>
/// off.</summary>
/// <param name="options">What stands in reward.grader_options beside path and type.</param>
public sealed partial class NearestGrader(JsonObject options) : IGrader
{
    private readonly double _reach = (double?)options["reach"] ?? 10;

    /// <summary>Its name in messages.</summary>
    public string Name => "nearest";

    /// <summary>Called from several threads at once.</summary>
    public GradeResult Grade(GradeRequest request, CancellationToken stop)
    {
        string? last = Number().Matches(request.Solution).LastOrDefault()?.Value;
        double right = double.Parse(request.GroundTruth.Text, CultureInfo.InvariantCulture);
        double off = last is null ? _reach : Math.Abs(double.Parse(last, CultureInfo.InvariantCulture) - right);
        return new(Math.Max(0, 1 - off / _reach), last is null ? GradeStatus.NoAnswer : GradeStatus.Ok, last)
        {
            // acc is what held-out accuracy counts; every other number becomes a metric of its own.
            Numbers = new Dictionary<string, double> { ["acc"] = off == 0 ? 1 : 0, ["off_by"] = Math.Min(off, _reach) },
        };
    }

    [GeneratedRegex(@"-?\d+")]
    private static partial Regex Number();
}
