using System;
using System.Text.Json.Nodes;
using Tbrm.Core.Rewards;
using Tbrm.Verify.Graders;

namespace Tbrm.Verify.Shaping;

/// <summary>
/// Cosine-scaled length: a correct response is worth <c>max_correct</c> when short and <c>min_correct</c> at
/// <c>max_len</c>
/// tokens, a wrong one <c>min_wrong</c> when short and <c>max_wrong</c> when long. Source: Demystifying Long
/// Chain-of-Thought
/// (arXiv 2502.03373), with the defaults of open-r1.
/// </summary>
public sealed class LengthTerm : IShapingTerm
{
    private readonly double _maximum;
    private readonly double _minWrong;
    private readonly double _maxWrong;
    private readonly double _minCorrect;
    private readonly double _maxCorrect;

    /// <summary>Reads <c>max_len</c>, <c>min_wrong</c>, <c>max_wrong</c>, <c>min_correct</c>,
    /// <c>max_correct</c>.</summary>
    public LengthTerm(JsonObject? options)
    {
        GraderOptions reader = new(options);
        _maximum = reader.Integer("max_len", 1000, 1, int.MaxValue);
        _minWrong = reader.Number("min_wrong", -1);
        _maxWrong = reader.Number("max_wrong", -0.5);
        _minCorrect = reader.Number("min_correct", 0.5);
        _maxCorrect = reader.Number("max_correct", 1);
    }

    /// <inheritdoc/>
    public string Name => "length";

    /// <inheritdoc/>
    public double Shape(GradeRequest request, GradeResult grade)
    {
        double progress = Math.Min(ResponseLength.Of(request, Name) / _maximum, 1);
        (double atEnd, double atStart) = grade.Score > 0 ? (_minCorrect, _maxCorrect) : (_maxWrong, _minWrong);
        return atEnd + 0.5 * (atStart - atEnd) * (1 + Math.Cos(progress * Math.PI));
    }
}
