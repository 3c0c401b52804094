using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Tbrm.Engine;

namespace Tbrm.Training;

/// <summary>What the reference policy says of one micro-batch.</summary>
/// <param name="Logp">log pi_ref of every row, nats, [R] (0 on bootstrap rows).</param>
/// <param name="V1">V_ref(s_1) of every trajectory, nats, [B] (0 for an empty one).</param>
/// <param name="VEnd">V_ref(s_{H+1}) of every trajectory that is bootstrapped, nats, [B] (0 for the others).</param>
public sealed record ReferenceScores(float[] Logp, float[] V1, float[] VEnd);

/// <summary>The reference pass: the logprob stage of the reference policy, micro-batch by micro-batch of its own.</summary>
public static class ReferenceStage
{
    /// <summary>Scores the whole step; the result is cut as the update's micro-batches are.</summary>
    public static IReadOnlyList<ReferenceScores> Score(ReferencePolicy reference, TrajectoryBatch batch, float temperature, CancellationToken stop)
    {
        float[] logp = new float[batch.Sequences.Sum(s => s.Rows)], v1 = new float[batch.Sequences.Length], vEnd = new float[batch.Sequences.Length];
        int done = 0;
        foreach (Range range in batch.ReferenceMicroBatches)
        {
            stop.ThrowIfCancellationRequested();
            PackedBatch packed = batch.Pack(range);
            Scores scores = reference.LogProb(packed, temperature);
            int first = range.Start.Value;
            for (int b = 0; b < packed.RowOffsets.Length - 1; b++)
            {
                int begin = (int)packed.RowOffsets[b], actions = begin + batch.Sequences[first + b].Response.Length;
                for (int row = begin; row < actions; row++)
                {
                    logp[done + row] = scores.Logp(row);
                }

                v1[first + b] = begin < packed.RowOffsets[b + 1] ? scores.V[begin] : 0;
                vEnd[first + b] = batch.Bootstrap[first + b] && actions < packed.RowOffsets[b + 1] ? scores.V[actions] : 0;
            }

            done += packed.RowCount;
        }

        return Cut(batch, logp, v1, vEnd);
    }

    private static List<ReferenceScores> Cut(TrajectoryBatch batch, float[] logp, float[] v1, float[] vEnd)
    {
        List<ReferenceScores> all = [];
        int first = 0;
        foreach (Range range in batch.MicroBatches)
        {
            int end = first + batch.Sequences[range].Sum(s => s.Rows);
            all.Add(new(logp[first..end], v1[range], vEnd[range]));
            first = end;
        }

        return all;
    }
}
