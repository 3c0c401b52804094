using Tbrm.MathVerify.Latex;

namespace Tbrm.MathVerify.Extraction;

/// <summary>A kind of answer that is looked for in a text.</summary>
internal abstract record ExtractionTarget;

/// <summary>LaTeX environments and boxes.</summary>
/// <param name="BoxedPriority">When boxes are tried: 0 first, 50 after "final answer is", -1 never.</param>
/// <param name="WithoutAnchor">Whether LaTeX without an anchor such as "answer:" counts.</param>
/// <param name="Normalization">The repairs made before parsing.</param>
internal sealed record LatexTarget(int BoxedPriority = 50, bool WithoutAnchor = true,
    NormalizationOptions? Normalization = null)
    : ExtractionTarget;

/// <summary>Numbers and arithmetic in plain text.</summary>
/// <param name="WithoutAnchor">Whether an expression without an anchor such as "answer:" counts.</param>
internal sealed record PlainTarget(bool WithoutAnchor = true) : ExtractionTarget;
