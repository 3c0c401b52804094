using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Core.Rollouts;
using Tbrm.Engine.Logprob;
using Tbrm.Objectives;
using Tbrm.Objectives.Bellman;
using Tbrm.Text.Tokenizers;

namespace Tbrm.Training.Steps;

/// <summary>
/// What a policy that was trained by a Bellman residual says of each token of a response. Its logits are Q-values, so
/// beta (Q_h - log pi_ref,h - V_{h+1}) is the reward that it takes the token to have earned (arXiv 2505.15311, Section
/// 3.1); V_{H+1} is 0, or that of the state after a response that was cut off. Over a response they add up to
/// beta (V_1 + log pi - log pi_ref): the outcome reward where the residual is 0. Of ReVal, which is calibrated by the
/// reference, beta V_ref,1 is taken from the first.
/// </summary>
internal static class TokenCredit
{
    /// <summary>Prompts that are shown, with two responses each.</summary>
    private const int MostPrompts = 4;

    /// <summary>Whether an algorithm's logits have this meaning.</summary>
    public static bool IsKnown(AlgorithmSelection algorithm) => algorithm.Entry.Options == typeof(BellmanOptions);

    /// <summary>Credit of every token, reward units, [H].</summary>
    /// <param name="q">Q of every token, nats, [H].</param>
    /// <param name="v">V of the state before every token, nats; [H], or [H+1] with the state after the last.</param>
    /// <param name="refLogp">log pi_ref of every token, nats, [H].</param>
    /// <param name="beta">Reward units per nat.</param>
    /// <param name="refV1">V_ref(s_1) where the residual is calibrated by it, nats; else 0.</param>
    public static double[] Of(ReadOnlySpan<float> q, ReadOnlySpan<float> v, ReadOnlySpan<float> refLogp, double beta,
        double refV1 = 0)
    {
        double[] credit = new double[q.Length];
        for (int h = 0; h < credit.Length; h++)
        {
            double next = h + 1 < v.Length ? v[h + 1] : 0;
            credit[h] = beta * ((double)q[h] - refLogp[h] - next - (h == 0 ? refV1 : 0));
        }

        return credit;
    }

    /// <summary>Trajectories to show: of prompts that have right and wrong answers one of each, the shortest; of the
    /// first prompts otherwise the best and the worst.</summary>
    public static IReadOnlyList<int> Chosen(StepSample sample)
    {
        int[][] groups = [.. Enumerable.Range(0, sample.Trajectories.Count)
            .Where(i => sample.Trajectories[i] is { Reference: not null, ResponseIds.Length: > 0 })
            .GroupBy(i => sample.Trajectories[i].Group)
            .Select(g => g.OrderByDescending(Score).ThenBy(i => sample.Trajectories[i].ResponseIds.Length).ToArray())];
        return [.. groups.OrderByDescending(g => Score(g[0]) - Score(g[^1])).Take(MostPrompts)
            .SelectMany(g => g.Length == 1 ? g : [g[0], Worst(g[1..])])];

        double Score(int i) => sample.Graded[i].Grade.Score;

        int Worst(int[] group) => group.Where(i => Score(i) <= Score(group[^1]))
            .MinBy(i => sample.Trajectories[i].ResponseIds.Length);
    }

    /// <summary>A row per trajectory: its text token by token, credit and V.</summary>
    /// <param name="step">The step.</param>
    /// <param name="sample">Its trajectories, with the reference's numbers.</param>
    /// <param name="algorithm">One whose credit is known.</param>
    /// <param name="bellman">Its beta, and whether V after a response that was cut off counts.</param>
    /// <param name="logprob">The policy's logprob stage.</param>
    /// <param name="tokenizer">Writes the tokens.</param>
    public static IReadOnlyList<JsonObject> Rows(long step, StepSample sample, AlgorithmSelection algorithm,
        BellmanConfig bellman, Func<PackedBatch, Scores> logprob, ITokenizer tokenizer)
    {
        IReadOnlyList<int> chosen = Chosen(sample);
        if (chosen.Count == 0)
        {
            return [];
        }

        Trajectory[] shown = [.. chosen.Select(i => sample.Trajectories[i])];
        PackedBatch batch = new([.. shown.Select(t => new ScoredSequence(t.PromptIds, t.ResponseIds,
            bellman.Truncation == "bootstrap" && t.End == TrajectoryEnd.Length))]);
        Scores scores = logprob(batch);
        bool isCalibrated = algorithm.Objective.Fused is { Calibrated: true };
        return [.. shown.Select((t, b) =>
        {
            (int begin, int end) = ((int)batch.RowOffsets[b], (int)batch.RowOffsets[b + 1]);
            int tokens = t.ResponseIds.Length;
            double[] credit = Of(scores.Q.AsSpan(begin, tokens), scores.V.AsSpan(begin..end),
                [.. t.Reference!.Logp], bellman.Beta, isCalibrated ? t.Reference.V1 ?? 0 : 0);
            return new JsonObject
            {
                ["step"] = step,
                ["input"] = sample.Prompts[t.Group].Prompt.Messages[^1].Content,
                ["gts"] = sample.Prompts[t.Group].Prompt.GroundTruth.ToJson(),
                ["score"] = Number(sample.Graded[chosen[b]].Grade.Score),
                ["finish"] = t.End.ToString(),
                ["group"] = t.Group,
                ["beta"] = bellman.Beta,
                ["tokens"] = new JsonArray([.. Pieces(t.ResponseIds, tokenizer).Select(p => (JsonNode)p)]),
                ["credit"] = new JsonArray([.. credit.Select(Number)]),
                ["v"] = new JsonArray([.. scores.V.AsSpan(begin, tokens).ToArray().Select(v => Number(v))]),
            };
        })];
    }

    private static IEnumerable<string> Pieces(int[] ids, ITokenizer tokenizer)
    {
        StreamingDecoder decoder = tokenizer.CreateStreamingDecoder();
        for (int h = 0; h < ids.Length; h++)
        {
            yield return decoder.Add(ids[h]) + (h == ids.Length - 1 ? decoder.Finish() : "");
        }
    }

    private static JsonNode? Number(double value) => double.IsFinite(value) ? Math.Round(value, 6) : null;
}
