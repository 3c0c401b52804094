using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Errors;

namespace Tbrm.Objectives.Rows;

/// <summary>The batch that a row holds.</summary>
internal static class RowBatch
{
    private static readonly string[] s_perToken =
    [
        "logp", "Q", "V", "H", "mask", "ref_logp", "ref_Q", "ref_V", "old_logp", "rollout_logp", "values", "old_values",
            "returns", "token_rewards",
        "advantages", "rollout_weights", "sum_pi_squared", "loss_mat",
    ];

    private static readonly string[] s_perTrajectory =
        ["rewards", "baseline_rewards", "group", "v_star", "v_frozen", "ref_v1", "weight"];

    /// <summary>Reads every field that there is; a field of another shape than the others is refused.</summary>
    /// <param name="fields">The row.</param>
    /// <param name="also">A further per-token field of this row's kind (loss_mat), which takes the place of
    /// logp.</param>
    public static ObjectiveBatch Read(RowFields fields, string? also = null)
    {
        Dictionary<string, double[][]> tokens = [];
        foreach (string name in s_perToken.Where(n => n != "loss_mat" || n == also))
        {
            if (fields.PerToken(name) is { } lists)
            {
                tokens[name] = lists;
            }
        }

        long[] offsets = Offsets(fields, tokens);
        int count = offsets.Length - 1;
        double[] Rows(string name) => tokens.TryGetValue(name, out double[][]? lists) ? [.. lists.SelectMany(l => l)]
            : [];
        double[] Each(string name) => fields.PerTrajectory(name, count);
        double[] logp = Rows(also ?? "logp"), q = Rows("Q"), v = Rows("V");
        if (logp.Length > 0 && q.Length + v.Length > 0)
        {
            throw new DataException($"{fields.Where}: logp and Q, V are both given; log pi is Q - V");
        }

        return new()
        {
            RowOffsets = offsets,
            Q = logp.Length > 0 ? logp : q,
            V = logp.Length > 0 ? new double[logp.Length] : v,
            H = Rows("H"),
            Mask = Array.ConvertAll(Rows("mask"), m => m != 0),
            RefLogp = Rows("ref_logp"),
            RefV1 = RefV1(fields, tokens, offsets, Each("ref_v1")),
            OldLogp = Rows("old_logp"),
            RolloutLogp = Rows("rollout_logp"),
            Values = Rows("values"),
            OldValues = Rows("old_values"),
            Returns = Rows("returns"),
            TokenRewards = Rows("token_rewards"),
            Advantages = Rows("advantages"),
            RolloutWeights = Rows("rollout_weights"),
            SumPiSquared = Rows("sum_pi_squared"),
            Rewards = Each("rewards"),
            BaselineRewards = Each("baseline_rewards"),
            RewardParts = fields.PerToken("reward_parts") ?? [],
            Group = fields.Groups("group", count),
            VStar = Each("v_star"),
            VFrozen = Each("v_frozen"),
            Weight = Each("weight"),
        };
    }

    /// <summary>V_ref(s_1): given, or ref_Q - ref_logp of the first token that counts (ref_V there).</summary>
    private static double[] RefV1(RowFields fields, Dictionary<string, double[][]> tokens, long[] offsets,
        double[] given)
    {
        if (given.Length > 0 || (!tokens.ContainsKey("ref_Q") && !tokens.ContainsKey("ref_V")))
        {
            return given;
        }

        double[] v1 = new double[offsets.Length - 1];
        for (int b = 0; b < v1.Length; b++)
        {
            int length = (int)(offsets[b + 1] - offsets[b]);
            int first = tokens.TryGetValue("mask", out double[][]? mask) ? Array.FindIndex(mask[b], m => m != 0) : 0;
            if (length == 0 || first < 0)
            {
                continue;
            }

            v1[b] = tokens.TryGetValue("ref_V", out double[][]? refV) ? refV[b][first]
                : tokens.TryGetValue("ref_logp", out double[][]? refLogp)
                    ? tokens["ref_Q"][b][first] - refLogp[b][first]
                : throw new DataException(
                    $"{fields.Where}: ref_Q needs ref_logp: V_ref(s_1) = ref_Q - ref_logp of the first token");
        }

        return v1;
    }

    private static long[] Offsets(RowFields fields, Dictionary<string, double[][]> tokens)
    {
        if (tokens.Count == 0)
        {
            string? list = s_perTrajectory.FirstOrDefault(fields.Has);
            int count = list is null ? 0 : list == "group" ? fields.Count("group") : fields.List(list).Length;
            // One row per trajectory: what is said of it as a whole.
            return [.. Enumerable.Range(0, count + 1).Select(b => (long)b)];
        }

        (string first, double[][] shape) = (tokens.First().Key, tokens.First().Value);
        foreach ((string name, double[][] lists) in tokens)
        {
            if (lists.Length != shape.Length)
            {
                throw new DataException(
                    $"{fields.Where}: {name} has {lists.Length} sequences, {first} has {shape.Length}");
            }

            int other = Array.FindIndex(
                Enumerable.Range(0, shape.Length).ToArray(), b => lists[b].Length != shape[b].Length);
            if (other >= 0)
            {
                throw new DataException(
                    $"{fields.Where}: {name}, sequence {other}: {lists[other].Length} tokens, {first} has "
                        + $"{shape[other].Length}");
            }
        }

        long[] offsets = new long[shape.Length + 1];
        for (int b = 0; b < shape.Length; b++)
        {
            offsets[b + 1] = offsets[b] + shape[b].Length;
        }

        return offsets;
    }
}
