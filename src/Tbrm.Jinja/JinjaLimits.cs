using System;

namespace Tbrm.Jinja;

/// <summary>What a template may use up before it is stopped: templates come with models, from anyone.</summary>
public sealed record JinjaLimits
{
    /// <summary>The limits used unless told otherwise.</summary>
    public static JinjaLimits Default { get; } = new();

    /// <summary>The longest text, in UTF-16 units, that a template may put out or build, and the longest
    /// list.</summary>
    public int MaxLength { get; init; } = 1 << 24;

    /// <summary>The bytes that rendering may allocate, those of values long dropped included.</summary>
    public long MaxBytes { get; init; } = 4L << 30;

    /// <summary>The most steps (statements, expressions, items, and one for every few hundred characters): about ten
    /// seconds.</summary>
    public long MaxSteps { get; init; } = 50_000_000;

    /// <summary>The deepest nesting of macro calls and recursive loops.</summary>
    public int MaxDepth { get; init; } = 200;

    /// <summary>
    /// The emergency brake: wall-clock time that rendering may take. Far above what <see cref="MaxSteps"/> take, so
    /// that a prompt does not depend on
    /// how busy the machine is.
    /// </summary>
    public TimeSpan MaxTime { get; init; } = TimeSpan.FromSeconds(600);
}
