using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Tbrm.Core;
using Tbrm.Engine;
using Tbrm.Objectives;

namespace Tbrm.Training;

/// <summary>What the gradient of one step came from.</summary>
public sealed class UpdateResult
{
    /// <summary>The loss over all trajectories.</summary>
    public double Loss { get; set; }

    /// <summary>Residuals in the order of the rollout, nats.</summary>
    public List<double> Residuals { get; } = [];

    /// <summary>V(s_1) of the trajectories that have a first state, nats.</summary>
    public List<double> FirstValues { get; } = [];

    /// <summary>log pi - log pi_ref of each trajectory, nats.</summary>
    public List<double> LogRatios { get; } = [];

    /// <summary>How far the trainer's probabilities are from those that the rollout recorded.</summary>
    public ProbabilityDrift Drift { get; } = new();
}

/// <summary>The logprob, residual and gradient stages of a step: accumulates gradients over micro-batches.</summary>
public sealed class UpdateStage(Policy policy, RunConfig config)
{
    /// <summary>What a step computes.</summary>
    private const Needs Provided = Needs.Logits | Needs.ReferenceLogp | Needs.ReferenceValue | Needs.Entropy;

    private readonly IObjective _objective = Choose(config);
    private readonly float _temperature = config.Rollout.Temperature > 0 ? (float)config.Rollout.Temperature : 1;

    /// <summary>What the objective needs besides Q and V.</summary>
    public Needs Needs => _objective.Needs;

    /// <summary>Accumulates the gradient of the whole step. Stopped between two micro-batches, it leaves the gradient zero.</summary>
    public UpdateResult Accumulate(TrajectoryBatch batch, IReadOnlyList<ReferenceScores> reference, CancellationToken stop)
    {
        UpdateResult result = new();
        try
        {
            for (int m = 0; m < batch.MicroBatches.Count; m++)
            {
                stop.ThrowIfCancellationRequested();
                Range range = batch.MicroBatches[m];
                PackedBatch packed = batch.Pack(range);
                Scores scores = Backpropagate(batch, range, packed, reference[m], result);
                Record(batch, range, packed, scores, reference[m], result);
            }
        }
        catch
        {
            policy.ZeroGradient();
            throw;
        }

        return result;
    }

    private Scores Backpropagate(TrajectoryBatch batch, Range range, PackedBatch packed, ReferenceScores reference, UpdateResult result)
    {
        if (config.Actor.FusedResidual && _objective.Fused is { } kernel)
        {
            (Scores scores, float[] residual, double loss) = policy.ResidualGradient(packed, _temperature, Fused(kernel, batch, range, reference));
            result.Loss += loss;
            result.Residuals.AddRange(Array.ConvertAll(residual, f => (double)f));
            return scores;
        }

        Scores kept = policy.LogProb(packed, _temperature, keep: true, entropy: _objective.Needs.HasFlag(Needs.Entropy));
        ObjectiveResult evaluated = _objective.Evaluate(new()
        {
            RowOffsets = packed.RowOffsets,
            Q = Wide(kept.Q),
            V = Wide(kept.V),
            Logp = [.. kept.Q.Zip(kept.V, (q, v) => (double)(q - v))],
            H = Wide(kept.H),
            RefLogp = Wide(reference.Logp),
            RefV1 = Wide(reference.V1),
            RefVEnd = Wide(reference.VEnd),
            Rewards = batch.Rewards[range],
            Weight = batch.Weights[range],
            Bootstrap = batch.Bootstrap[range],
        });
        policy.Backward(Narrow(evaluated.DQ), Narrow(evaluated.DV), Narrow(evaluated.DH));
        result.Loss += evaluated.Loss;
        result.Residuals.AddRange(evaluated.Residual);
        return kept;
    }

    private static IObjective Choose(RunConfig config)
    {
        AlgorithmSelection selection = AlgorithmSelection.Of(config);
        Needs missing = (selection.Needs | (selection.Objective.Needs & Needs.Advantages)) & ~Provided;
        return missing == Needs.None ? selection.Objective
            : throw new ConfigException($"algorithm.name={config.Algorithm.Name} needs {missing}, which a training step does not compute");
    }

    private static double[] Wide(float[] values) => Array.ConvertAll(values, v => (double)v);

    private static float[] Narrow(double[] values) => Array.ConvertAll(values, v => (float)v);

    private static FusedResidual Fused(FusedKernel kernel, TrajectoryBatch batch, Range range, ReferenceScores reference) => new()
    {
        CalibratedByReference = kernel.Calibrated,
        Beta = kernel.Beta,
        LossScale = kernel.LossScale,
        DetachValue = kernel.DetachValue,
        RefLogp = reference.Logp,
        RefV1 = kernel.Calibrated ? reference.V1 : [],
        RefVEnd = kernel.Calibrated ? reference.VEnd : [],
        Reward = batch.Rewards[range],
        Weight = batch.Weights[range],
        Bootstrap = Array.ConvertAll(batch.Bootstrap[range], b => b ? 1 : 0),
    };

    private static void Record(TrajectoryBatch batch, Range range, PackedBatch packed, Scores scores, ReferenceScores reference, UpdateResult result)
    {
        int first = range.Start.Value;
        for (int b = 0; b < packed.RowOffsets.Length - 1; b++)
        {
            Trajectory trajectory = batch.Trajectories[first + b];
            int begin = (int)packed.RowOffsets[b];
            double ratio = 0;
            for (int h = 0; h < trajectory.ResponseIds.Length; h++)
            {
                float logp = scores.Logp(begin + h);
                ratio += (double)logp - reference.Logp[begin + h];
                result.Drift.Add(trajectory.Logp[h], logp);
            }

            if (trajectory.ResponseIds.Length > 0)
            {
                result.FirstValues.Add(scores.V[begin]);
                result.LogRatios.Add(ratio);
            }
        }
    }
}
