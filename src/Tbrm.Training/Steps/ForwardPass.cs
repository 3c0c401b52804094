using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Ranks;

namespace Tbrm.Training.Steps;

/// <summary>What a policy says of the trajectories of a step.</summary>
/// <param name="Logp">log pi of every row, nats, fp32, [R] (0 on bootstrap rows).</param>
/// <param name="V1">V(s_1) of every trajectory, nats, [B] (0 for an empty one).</param>
/// <param name="VEnd">V(s_{H+1}) of every trajectory that is bootstrapped, nats, [B] (0 for the others).</param>
public sealed record PassScores(double[] Logp, double[] V1, double[] VEnd);

/// <summary>Forward passes over a whole step, micro-batch by micro-batch: of the reference, of the policy before its
/// update, of the critic.</summary>
internal static class ForwardPass
{
    /// <summary>Log-probs and first values of every trajectory.</summary>
    /// <param name="logprob">The logprob stage of a policy.</param>
    /// <param name="ranks">Ranks that share a micro-batch: as many of them are made one.</param>
    /// <param name="batch">The step.</param>
    /// <param name="microBatches">Ranges of trajectories.</param>
    /// <param name="stop">Stops between two micro-batches.</param>
    public static PassScores LogProb(Func<PackedBatch, Scores> logprob, int ranks, TrajectoryBatch batch,
        IReadOnlyList<Range> microBatches, StepStop stop)
    {
        double[] logp = new double[batch.RowCount], v1 = new double[batch.Sequences.Length],
            vEnd = new double[batch.Sequences.Length];
        foreach (Range range in RankSplit.Joined(microBatches, ranks))
        {
            stop.Token.ThrowIfCancellationRequested();
            PackedBatch packed = batch.Pack(range);
            Scores scores = logprob(packed);
            for (int b = range.Start.Value; b < range.End.Value; b++)
            {
                (int begin, int end) = batch.Actions(b);
                int own = (int)packed.RowOffsets[b - range.Start.Value], rows = batch.Sequences[b].Rows;
                for (int row = begin; row < end; row++)
                {
                    logp[row] = scores.Logp(own + row - begin);
                }

                v1[b] = rows > 0 ? scores.V[own] : 0;
                vEnd[b] = batch.Bootstrap[b] ? scores.V[own + rows - 1] : 0;
            }
        }

        return new(logp, v1, vEnd);
    }

    /// <summary>
    /// sum_a pi(a|s)^2 of every row, [R], from one more pass. With logits z and log-partition A(T) = logsumexp(z/T) it
    /// is
    /// exp(A(T/2) - 2 A(T)); the logit of the taken token falls out of 2 log pi_T - log pi_(T/2), which is the same.
    /// </summary>
    /// <param name="logprob">The logprob stage, at a temperature.</param>
    /// <param name="ranks">Ranks that share a micro-batch.</param>
    /// <param name="temperature">T.</param>
    /// <param name="logp">log pi at T of every row, nats.</param>
    /// <param name="batch">The step.</param>
    /// <param name="stop">Stops between two micro-batches.</param>
    public static double[] SumPiSquared(Func<PackedBatch, float, Scores> logprob, int ranks, float temperature,
        double[] logp, TrajectoryBatch batch, StepStop stop)
    {
        PassScores half = LogProb(packed => logprob(packed, temperature / 2), ranks, batch, batch.MicroBatches,
            stop);
        return [.. half.Logp.Zip(logp, (sharp, own) => Math.Exp(2 * own - sharp))];
    }

    /// <summary>The critic's values of every row, [R].</summary>
    public static double[] Values(Func<PackedBatch, float[]> critic, TrajectoryBatch batch,
        IReadOnlyList<Range> microBatches,
        StepStop stop)
    {
        double[] values = new double[batch.RowCount];
        int done = 0;
        foreach (Range range in microBatches)
        {
            stop.Token.ThrowIfCancellationRequested();
            PackedBatch packed = batch.Pack(range);
            foreach (float value in critic(packed))
            {
                values[done++] = value;
            }
        }

        return values;
    }
}
