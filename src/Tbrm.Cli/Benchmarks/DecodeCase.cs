using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using Tbrm.Core.Rollouts;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Engine.Rollout;

namespace Tbrm.Cli.Benchmarks;

/// <summary><c>bench decode</c>: prompts of 128 tokens that are prefilled, or that are continued token by
/// token.</summary>
internal sealed class DecodeCase(ShapedModel model, int batch, bool prefill) : BenchCase(
    $"{(prefill ? "prefill" : "decode")}, batch {batch}", $"{model.Name}, {PromptTokens} prompt tokens", model.Type)
{
    public const int PromptTokens = 128;

    private const int NewTokens = 65, CheckedTokens = 5;

    private static readonly int[] s_batches = [1, 8, 32];

    private RolloutEngine? _engine;

    public static IEnumerable<BenchCase> All(ShapedModel model) =>
        s_batches.SelectMany(b => new[] { new DecodeCase(model, b, true), new DecodeCase(model, b, false) });

    /// <summary>The log-probs that the rollout recorded are those of the training path, bit for bit.</summary>
    public override double Check()
    {
        Policy policy = model.Policy;
        _engine = new(policy, new() { MaxNumSeqs = batch, MaxNumBatchedTokens = 512 },
            batch * policy.Memory.KvPage * (policy.Memory.PagesPerSequence + 1));
        Work = prefill ? PrefillWork() : DecodeWork();
        IReadOnlyList<Trajectory> sampled = Generate(CheckedTokens, null);
        Scores scores = policy.LogProb(
            new([.. sampled.Select(t => new ScoredSequence(t.PromptIds, t.ResponseIds))]), temperature: 1);
        float[] recorded = [.. sampled.SelectMany(t => t.Logp)];
        return recorded.Length == batch * CheckedTokens
            && recorded.Select((logp, i) => scores.Q[i] - scores.V[i] == logp).All(equal => equal) ? 0
            : double.PositiveInfinity;
    }

    public override IEnumerable<double> Measure()
    {
        if (prefill)
        {
            long start = Stopwatch.GetTimestamp();
            Generate(1, null);
            return [Stopwatch.GetElapsedTime(start).TotalSeconds];
        }

        // Between two reports of progress lie some iterations; those that gave every sequence a token each are steps of
        // decoding and nothing else.
        List<double> steps = [];
        long last = 0, lastTokens = 0;
        Generate(NewTokens, progress =>
        {
            long now = Stopwatch.GetTimestamp();
            long tokens = progress.Tokens - lastTokens;
            if (last != 0 && tokens == (long)batch * RolloutEngine.IterationsPerSlice)
            {
                steps.Add(Stopwatch.GetElapsedTime(last, now).TotalSeconds / RolloutEngine.IterationsPerSlice);
            }

            (last, lastTokens) = (now, progress.Tokens);
        });
        return steps;
    }

    public override void Dispose()
    {
        _engine?.Dispose();
        _engine = null;
        base.Dispose();
    }

    private IReadOnlyList<Trajectory> Generate(int tokens, Action<RolloutProgress>? progress) => _engine!.Generate(
        [.. model.Ids(batch, PromptTokens).Select((ids, i) => new RolloutRequest(ids, [i], i))],
        new() { MaxNewTokens = tokens, Seed = 1 }, progress, default);

    private BenchWork PrefillWork()
    {
        double tokens = (double)batch * PromptTokens;
        return new(tokens, "tokens",
            (2 * model.BodyWeights * tokens) + (2 * model.HeadWeights * batch)
                + model.AttentionFlops(tokens * (PromptTokens + 1) / 2),
            (model.BodyWeights + model.HeadWeights) * model.ElementBytes);
    }

    /// <summary>A step in the middle of the generation: every weight is read once, and every key and value.</summary>
    private BenchWork DecodeWork()
    {
        double keys = PromptTokens + (NewTokens / 2.0), weights = model.BodyWeights + model.HeadWeights;
        return new(batch, "tokens", (2 * weights * batch) + model.AttentionFlops(batch * keys),
            (weights * model.ElementBytes) + model.CacheBytes(batch * keys));
    }
}
