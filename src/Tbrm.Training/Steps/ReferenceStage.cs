using System;
using System.Collections.Generic;
using System.Threading;
using Tbrm.Engine;

namespace Tbrm.Training;

/// <summary>What the reference policy says of one micro-batch.</summary>
/// <param name="Logp">log pi_ref of every row, nats, [R] (0 on bootstrap rows).</param>
/// <param name="V1">V_ref(s_1) of every trajectory, nats, [B] (0 for an empty one).</param>
public sealed record ReferenceScores(float[] Logp, float[] V1);

/// <summary>The reference pass: the logprob stage of the reference policy, micro-batch by micro-batch.</summary>
public static class ReferenceStage
{
    /// <summary>Scores every micro-batch of the step.</summary>
    public static IReadOnlyList<ReferenceScores> Score(ReferencePolicy reference, TrajectoryBatch batch, float temperature, CancellationToken stop)
    {
        List<ReferenceScores> all = [];
        foreach (Range range in batch.MicroBatches)
        {
            stop.ThrowIfCancellationRequested();
            PackedBatch packed = batch.Pack(range);
            Scores scores = reference.LogProb(packed, temperature);
            float[] logp = new float[packed.RowCount], v1 = new float[packed.RowOffsets.Length - 1];
            int first = range.Start.Value;
            for (int b = 0; b < v1.Length; b++)
            {
                int begin = (int)packed.RowOffsets[b], actions = begin + batch.Sequences[first + b].Response.Length;
                for (int row = begin; row < actions; row++)
                {
                    logp[row] = scores.Logp(row);
                }

                v1[b] = begin < packed.RowOffsets[b + 1] ? scores.V[begin] : 0;
            }

            all.Add(new(logp, v1));
        }

        return all;
    }
}
