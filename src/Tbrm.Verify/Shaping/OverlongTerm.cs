using System;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Verify.Graders;

namespace Tbrm.Verify.Shaping;

/// <summary>
/// DAPO's soft overlong punishment: 0 up to <c>max_resp_len - len</c> tokens, then falling linearly to
/// <c>-penalty_factor</c>
/// at <c>max_resp_len</c>. Source: DAPO (arXiv 2503.14476), equation 13.
/// </summary>
public sealed class OverlongTerm : IShapingTerm
{
    private readonly int _maximum;
    private readonly int _buffer;
    private readonly double _factor;

    /// <summary>Reads <c>max_resp_len</c>, <c>len</c> (the buffer) and <c>penalty_factor</c> (1).</summary>
    public OverlongTerm(JsonObject? options)
    {
        GraderOptions reader = new(options);
        _maximum = reader.Integer("max_resp_len", 0, 1, int.MaxValue);
        _buffer = reader.Integer("len", 0, 1, int.MaxValue);
        _factor = reader.Number("penalty_factor", 1);
        if (_maximum == 0 || _buffer == 0 || _buffer > _maximum)
        {
            throw new ConfigException(
                "the shaping term 'overlong' needs \"max_resp_len\" and \"len\" with len <= max_resp_len");
        }
    }

    /// <inheritdoc/>
    public string Name => "overlong";

    /// <inheritdoc/>
    public double Shape(GradeRequest request, GradeResult grade)
    {
        double excess = ResponseLength.Of(request, Name) - (_maximum - _buffer);
        return Math.Min(-excess / _buffer * _factor, 0);
    }
}
