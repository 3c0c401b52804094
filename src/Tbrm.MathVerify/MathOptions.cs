using Tbrm.MathVerify.Algebra;

namespace Tbrm.MathVerify;

/// <summary>How answers are read and compared.</summary>
public sealed record MathOptions
{
    /// <summary>Whose settings of Math-Verify: verl, tests, trl, lighteval.</summary>
    public string Profile { get; init; } = "verl";

    /// <summary>Equal answers also have to agree in what stands around them (units, "or", "not").</summary>
    public bool Hardened { get; init; }

    /// <summary>The answer stands between &lt;answer&gt; tags.</summary>
    public bool AnswerTags { get; init; }

    /// <summary>The rank of a box among the ways to give an answer; -1: boxes are not read; null: the profile's
    /// rank.</summary>
    public int? BoxedPriority { get; init; }

    /// <summary>Decimals to which floating-point numbers are rounded.</summary>
    public int FloatRounding { get; init; } = 6;

    /// <summary>Digits by which expressions without a closed form are compared.</summary>
    public int NumericPrecision { get; init; } = 15;

    /// <summary>Variables have to bear the same names.</summary>
    public bool Strict { get; init; } = true;

    /// <summary>A set may be given as the relation that it solves.</summary>
    public bool AllowSetRelation { get; init; }

    /// <summary>What is looked for, in order: latex, expr, joined by commas; null for the profile's.</summary>
    public string? Extract { get; init; }

    /// <summary>Steps for one comparison.</summary>
    public long MaxSteps { get; init; } = DefaultMaxSteps;

    /// <summary>Steps for one comparison where nothing else is said.</summary>
    public static long DefaultMaxSteps => Budget.DefaultSteps;
}

/// <summary>What became of a comparison.</summary>
public enum MathOutcome
{
    /// <summary>Two answers were compared.</summary>
    Compared,

    /// <summary>The wanted answer cannot be read.</summary>
    NothingWanted,

    /// <summary>The response has none.</summary>
    NoAnswer,

    /// <summary>It took more than <see cref="MathOptions.MaxSteps"/>.</summary>
    OutOfSteps,

    /// <summary>It was stopped from outside.</summary>
    Stopped,
}

/// <summary>The result of a comparison.</summary>
/// <param name="AreEqual">The response gives the wanted answer.</param>
/// <param name="Outcome">What became of it.</param>
/// <param name="Answer">The answer's text; null when none was found.</param>
/// <param name="Note">Why there was no comparison; null when there was.</param>
public sealed record MathResult(bool AreEqual, MathOutcome Outcome, string? Answer, string? Note);
