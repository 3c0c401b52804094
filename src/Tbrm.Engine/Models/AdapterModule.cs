namespace Tbrm.Engine.Models;

/// <summary>One adapted projection of one layer.</summary>
/// <param name="Layer">Counted from 0.</param>
/// <param name="Target">The projection, one of the values.</param>
/// <param name="Rank">Rows of its A.</param>
/// <param name="Alpha">scale = alpha / rank, or alpha / sqrt(rank).</param>
public sealed record AdapterModule(int Layer, AdapterTargets Target, int Rank, double Alpha);
