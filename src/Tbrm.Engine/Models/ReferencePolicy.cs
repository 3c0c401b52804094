using System;
using Tbrm.Core.Errors;
using Tbrm.Engine.Logprob;

namespace Tbrm.Engine.Models;

/// <summary>
/// The reference policy: a frozen copy of the weights; or, for a policy with an adapter, its own base with the adapter
/// switched off, which
/// takes no memory.
/// </summary>
public sealed class ReferencePolicy : IDisposable
{
    private readonly Policy _policy;
    private readonly bool _isBase;

    private ReferencePolicy(Policy policy, bool isMade)
    {
        _isBase = !isMade && policy.Adapter is not null;
        _policy = isMade || _isBase ? policy : policy.CloneFrozen();
    }

    /// <summary>The reference that belongs to a policy as it is now.</summary>
    public static ReferencePolicy Of(Policy policy) => new(policy, isMade: false);

    /// <summary>A policy that was loaded to be the reference, and is disposed with it.</summary>
    public static ReferencePolicy Owning(Policy frozen) => new(frozen, isMade: true);

    /// <summary>The frozen copy; null when the reference is the policy's base.</summary>
    public Policy? Copy => _isBase ? null : _policy;

    /// <summary>The logprob stage.</summary>
    public Scores LogProb(PackedBatch batch, float temperature) =>
        _isBase ? _policy.WithAdapterOff(() => _policy.LogProb(batch, temperature))
            : _policy.LogProb(batch, temperature);

    /// <summary>Runs something with the reference's own policy: a rollout, of which nothing may stay queued.</summary>
    public T Sampled<T>(Func<Policy, T> body) => _isBase ? _policy.WithAdapterOff(() => body(_policy)) : body(_policy);

    /// <summary>Frees the buffers of its forward, after the pass of a step.</summary>
    public void ReleaseActivations() => _policy.ReleaseActivations();

    /// <summary>Takes over another policy's weights.</summary>
    public void CopyWeightsFrom(Policy source)
    {
        if (_isBase)
        {
            throw new ConfigException(
                "the reference of a policy with an adapter is its base; it cannot take over the policy's weights");
        }

        _policy.CopyWeightsFrom(source);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_isBase)
        {
            _policy.Dispose();
        }
    }
}
