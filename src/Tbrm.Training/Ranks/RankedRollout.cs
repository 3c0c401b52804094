using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Tbrm.Core.Rollouts;
using Tbrm.Engine.Ranks;
using Tbrm.Engine.Rollout;
using Tbrm.Training.Prompts;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Ranks;

/// <summary>The rollout stage on several ranks: each takes its part of the prompts, by the length that is expected.
/// Random numbers are keyed by trajectory, so the tokens are those of one rank.</summary>
internal sealed class RankedRollout(RankSet ranks, RolloutStage first) : IRollout, IEvaluationRollout
{
    private readonly long[] _preemptions = new long[ranks.Count];

    /// <summary>Tokens of a response, as the last rollout had them on average.</summary>
    private double _expected = first.Sampling.MaxNewTokens / 2.0;

    /// <inheritdoc/>
    public long Preemptions => _preemptions.Sum();

    /// <inheritdoc/>
    public long GeneratedTokens { get; private set; }

    /// <inheritdoc/>
    public IReadOnlyList<Trajectory> Sample(IReadOnlyList<EncodedPrompt> prompts, int n, long firstId,
        Action<RolloutProgress>? progress, CancellationToken stop) =>
        Counted(Spread("gen", RolloutStage.Requests(prompts, n, firstId), first.Sampling, progress, stop));

    /// <inheritdoc/>
    public IReadOnlyList<Trajectory> Greedy(IReadOnlyList<EncodedPrompt> prompts, Action<RolloutProgress>? progress,
        CancellationToken stop) => Counted(Spread("gen", RolloutStage.Requests(prompts, 1, 0),
            SamplingSettings.Greedy(first.Sampling), progress, stop));

    /// <inheritdoc/>
    public IReadOnlyList<Trajectory> Evaluate(IReadOnlyList<RolloutRequest> requests, SamplingOptions sampling,
        Action<RolloutProgress>? progress, Action<Trajectory>? finished, CancellationToken stop)
    {
        List<Trajectory> trajectories = Spread("testing", requests, sampling, progress, stop);
        trajectories.ForEach(t => finished?.Invoke(t));
        return trajectories;
    }

    /// <inheritdoc/>
    public void ReleasePages() => ranks.Each("release", rank => rank.ReleasePages());

    private List<Trajectory> Counted(List<Trajectory> trajectories)
    {
        long tokens = trajectories.Sum(t => (long)t.ResponseIds.Length);
        GeneratedTokens += tokens;
        _expected = trajectories.Count > 0 ? (double)tokens / trajectories.Count : _expected;
        return trajectories;
    }

    private List<Trajectory> Spread(string stage, IReadOnlyList<RolloutRequest> requests, SamplingOptions sampling,
        Action<RolloutProgress>? progress, CancellationToken stop)
    {
        // A prompt is read once, and answered as often as it has samples.
        IReadOnlyList<Range> parts = RankSplit.Of(
            [.. requests.Select(r => r.PromptIds.Length + (int)(r.TrajectoryIds.Length * _expected))], ranks.Count,
            int.MaxValue);
        RolloutProgress[] told = new RolloutProgress[ranks.Count];
        RankSample[] samples = ranks.OnParts(stage, parts, (number, rank, part) =>
        {
            RolloutRequest[] own = [.. requests.Take(part)];
            return rank.Generate(own, sampling,
                progress is null ? null : p => Tell(told, number, p, progress), stop);
        });
        for (int i = 0; i < samples.Length; i++)
        {
            _preemptions[i] = samples[i].Preemptions;
        }

        return [.. samples.SelectMany(s => s.Trajectories)];
    }

    private static void Tell(RolloutProgress[] told, int rank, RolloutProgress own, Action<RolloutProgress> progress)
    {
        lock (told)
        {
            told[rank] = own;
            progress(new(told.Sum(p => p.Finished), told.Sum(p => p.Total), told.Sum(p => p.Tokens)));
        }
    }
}
