using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Ranks;

/// <summary>The reference policy on several ranks, each of which has a copy.</summary>
internal sealed class RankedReference : IReferenceScorer
{
    private readonly RankSet _ranks;
    private readonly int _maxTokens;

    /// <summary>Gives every rank the reference.</summary>
    /// <param name="ranks">The ranks; the caller's.</param>
    /// <param name="reference">Rank 0's; the caller's.</param>
    /// <param name="maxTokens">Tokens of a micro-batch on one rank.</param>
    public RankedReference(RankSet ranks, ReferencePolicy reference, int maxTokens)
    {
        (_ranks, _maxTokens) = (ranks, maxTokens);
        ranks.Each("reference", rank => rank.TakeReference(reference));
    }

    /// <inheritdoc/>
    public int Ranks => _ranks.Count;

    /// <inheritdoc/>
    public Scores LogProb(PackedBatch batch, float temperature) => RankedPolicy.Joined(_ranks.OnParts("ref",
        RankedPolicy.Split(batch, _ranks.Count, _maxTokens),
        (_, rank, part) => rank.ReferenceLogProb(batch.Part(part), temperature)));

    /// <inheritdoc/>
    public void ReleaseActivations() => _ranks.Each("release", rank => rank.ReleaseReference());

    /// <summary>Every rank's reference takes over its policy's weights.</summary>
    public void Reset() => _ranks.Each("reference", rank => rank.ResetReference());
}
