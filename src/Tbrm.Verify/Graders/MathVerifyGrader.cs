using System.Text.Json.Nodes;
using System.Threading;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.MathVerify;

namespace Tbrm.Verify.Graders;

/// <summary>
/// Grades mathematical answers as Math-Verify 0.8.0 (with latex2sympy2_extended 1.10.2) does. Score 1 or 0.
/// </summary>
/// <remarks>
/// Options, in the configuration or in a row's extra fields: <c>profile</c> (verl, tests, trl, lighteval),
/// <c>hardened</c>,
/// <c>boxed_match_priority</c>, <c>float_rounding</c>, <c>numeric_precision</c>, <c>strict</c>,
/// <c>allow_set_relation_comp</c>, <c>extract</c> (a list of latex, expr), <c>max_steps</c> (for one answer),
/// <c>answer_tags</c>.
/// </remarks>
public sealed class MathVerifyGrader : IGrader
{
    private readonly JsonObject? _options;

    /// <summary>A grader with these options; a row's own options override them.</summary>
    /// <exception cref="ConfigException">An option has a value that it cannot have.</exception>
    public MathVerifyGrader(JsonObject? options = null)
    {
        _options = options;
        Read(null);
    }

    /// <inheritdoc/>
    public string Name => "math_verify";

    /// <inheritdoc/>
    public GradeResult Grade(GradeRequest request, CancellationToken stop)
    {
        try
        {
            MathOptions options = Read(request.ExtraInfo);
            return request.AgainstEach(
                truth => GradeOf(MathVerifier.Compare(truth, request.Solution, options, stop)));
        }
        catch (ConfigException e)
        {
            return new GradeResult(0, GradeStatus.Error, null, e.Message);
        }
    }

    private static GradeResult GradeOf(MathResult result) => new(
        result.AreEqual ? 1 : 0,
        result.Outcome switch
        {
            MathOutcome.Compared => GradeStatus.Ok,
            MathOutcome.NothingWanted => GradeStatus.Error,
            MathOutcome.NoAnswer => GradeStatus.NoAnswer,
            MathOutcome.OutOfSteps => GradeStatus.OutOfSteps,
            _ => GradeStatus.Timeout,
        },
        result.Answer,
        result.Note);

    private MathOptions Read(JsonObject? row)
    {
        GraderOptions options = new(row, _options);
        return new MathOptions
        {
            Profile = options.Choice("profile", "verl", "verl", "tests", "trl", "lighteval"),
            Hardened = options.Flag("hardened", false),
            AnswerTags = options.Flag("answer_tags", false),
            BoxedPriority = options.Find("boxed_match_priority") is null ? null
                : options.Integer("boxed_match_priority", 0, -1, 1000),
            FloatRounding = options.Integer("float_rounding", 6, 0, 100),
            NumericPrecision = options.Integer("numeric_precision", 15, 1, 100),
            Strict = options.Flag("strict", true),
            AllowSetRelation = options.Flag("allow_set_relation_comp", false),
            Extract = options.Choices("extract", "latex", "expr") is { } kinds ? string.Join(',', kinds) : null,
            MaxSteps = options.Integer("max_steps", (int)MathOptions.DefaultMaxSteps, 1000, int.MaxValue),
        };
    }
}
