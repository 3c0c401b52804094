namespace Tbrm.Engine.Models;

/// <summary>
/// The library's limits (native/src/model/config.cpp), known to the reader of config.json: it names file and key, the
/// library only its own fields.
/// They keep every size in bytes far below 2^63.
/// </summary>
internal static class ModelLimits
{
    public const int VocabSize = 1 << 24, HiddenSize = 1 << 17, IntermediateSize = 1 << 20, Layers = 1024, Heads = 1024,
        Window = 1 << 24;

    /// <summary>Between these an fp32 number is neither 0 nor 1.</summary>
    public const double LeastNormEps = 1.2e-38, MostNormEps = 0.9999999;
}
