using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Rollouts;
using Tbrm.Engine;
using Tbrm.Engine.Models;
using Tbrm.Engine.Rollout;
using Tbrm.Text.Tokenizers;
using Tbrm.Training.Prompts;

namespace Tbrm.Training.Steps;

/// <summary>The rollout stage: the configuration's sampling settings over the engine.</summary>
public sealed class RolloutStage : IRollout, IEvaluationRollout, IDisposable
{
    private readonly RolloutEngine _engine;
    private readonly SamplingOptions _train;

    /// <summary>Opens the page pool.</summary>
    /// <param name="policy">What is sampled from.</param>
    /// <param name="tokenizer">The policy's.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="stopIds">Ids that end a response.</param>
    /// <param name="held">Bytes that are held during rollouts besides the pool, once everything is there: moments, a
    /// critic,
    /// a reference; what is there already counts anyway.</param>
    public RolloutStage(Policy policy, ITokenizer tokenizer, RunConfig config, IReadOnlyList<int> stopIds,
        long held = 0)
        : this(policy, config, SamplingSettings.Train(config, tokenizer, policy, stopIds), held)
    {
        if (config.Rollout.Stop.Count > 0)
        {
            _engine.SetTokenBytes(tokenizer.IdToBytes);
        }
    }

    /// <summary>The same with sampling settings of the caller's, which stop at a text where
    /// <paramref name="tokenBytes"/> are given.</summary>
    internal RolloutStage(Policy policy, RunConfig config, SamplingOptions train, long held,
        IReadOnlyList<ReadOnlyMemory<byte>>? tokenBytes = null)
    {
        _engine = new(policy, config.Rollout, PageBytes(policy, config, held));
        _train = train;
        if (tokenBytes is not null)
        {
            _engine.SetTokenBytes(tokenBytes);
        }
    }

    /// <summary>How training samples.</summary>
    public SamplingOptions Sampling => _train;

    /// <inheritdoc/>
    public long Preemptions => _engine.Counts.Preemptions;

    /// <inheritdoc/>
    public long GeneratedTokens { get; private set; }

    /// <inheritdoc/>
    public IReadOnlyList<Trajectory> Sample(IReadOnlyList<EncodedPrompt> prompts, int n, long firstId,
        Action<RolloutProgress>? progress, CancellationToken stop) =>
        Counted(_engine.Generate(Requests(prompts, n, firstId), _train, progress, stop));

    /// <inheritdoc/>
    public IReadOnlyList<Trajectory> Greedy(IReadOnlyList<EncodedPrompt> prompts, Action<RolloutProgress>? progress,
        CancellationToken stop) =>
        Counted(_engine.Generate(Requests(prompts, 1, 0), SamplingSettings.Greedy(_train), progress, stop));

    /// <summary>Samples of a reference policy: as training does, in a random stream of their own.</summary>
    public IReadOnlyList<Trajectory> OfReference(IReadOnlyList<RolloutRequest> requests, CancellationToken stop) =>
        _engine.Generate(requests, SamplingSettings.Reference(_train), null, stop);

    /// <inheritdoc/>
    public IReadOnlyList<Trajectory> Evaluate(IReadOnlyList<RolloutRequest> requests, SamplingOptions sampling,
        Action<RolloutProgress>? progress,
        Action<Trajectory>? finished, CancellationToken stop) =>
            _engine.Generate(requests, sampling, progress, stop, finished);

    /// <summary>From now on samples from pi_ref^(1 - scale) pi^scale; the reference stays the caller's.</summary>
    public void MixWith(Policy reference, double scale) => _engine.MixWith(reference, scale);

    /// <summary>Gives the page pool's memory to the update.</summary>
    public void ReleasePages() => _engine.ReleasePages();

    /// <inheritdoc/>
    public void Dispose() => _engine.Dispose();

    private IReadOnlyList<Trajectory> Counted(IReadOnlyList<Trajectory> trajectories)
    {
        GeneratedTokens += trajectories.Sum(t => (long)t.ResponseIds.Length);
        return trajectories;
    }

    /// <summary>n trajectories of every prompt, with ids in order.</summary>
    internal static RolloutRequest[] Requests(IReadOnlyList<EncodedPrompt> prompts, int n, long firstId)
    {
        RolloutRequest[] requests = new RolloutRequest[prompts.Count];
        for (int i = 0; i < requests.Length; i++)
        {
            long[] ids = new long[n];
            for (int j = 0; j < n; j++)
            {
                ids[j] = firstId + (long)i * n + j;
            }

            requests[i] = new(prompts[i].Ids, ids, i);
        }

        return requests;
    }

    /// <summary>What max_num_seqs sequences of full length need, within the share of the device's memory that the
    /// configuration allows.</summary>
    private static long PageBytes(Policy policy, RunConfig config, long held)
    {
        const int pageTokens = ModelMemory.PageTokens;
        long pageBytes = policy.Memory.KvPage, pagesPerSequence = policy.Memory.PagesPerSequence;
        DeviceMemory memory = policy.Device.Memory();
        long least = pageBytes * pagesPerSequence;
        bool isGiven = config.Rollout.KvCacheMb > 0;
        long free = Math.Max(0, memory.DeviceTotal - Math.Max(memory.InUse, held));
        long allowed = isGiven ? config.Rollout.KvCacheMb * 1_000_000L
            : (long)(free * config.Rollout.MemoryUtilization);
        if (allowed < least)
        {
            string given = isGiven ? $"rollout.kv_cache_mb={config.Rollout.KvCacheMb} holds"
                : string.Create(CultureInfo.InvariantCulture,
                    $"rollout.memory_utilization={config.Rollout.MemoryUtilization} of the memory that models and "
                        + $"training leave free ({free / 1_000_000} MB) holds");
            throw new TbrmUserException(ExitCode.OutOfMemory,
                $"{given} {allowed / pageBytes} KV pages of {pageTokens} tokens, but one sequence of "
                    + $"{policy.Options.MaxPositions} tokens takes {pagesPerSequence}: "
                + $"set rollout.kv_cache_mb={(least + 999_999) / 1_000_000} or more, or lower data.max_prompt_length "
                + $"or data.max_response_length");
        }

        // A reference that is mixed in has pages of its own.
        long own = config.Rollout.BetaScale == 1 ? allowed : Math.Max(least, allowed / 2);
        return isGiven ? allowed : Math.Min(least * config.Rollout.MaxNumSeqs, own);
    }
}
