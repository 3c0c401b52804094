using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Rollouts;
using Tbrm.Engine.Logprob;
using Tbrm.Objectives;

namespace Tbrm.Training.Steps;

/// <summary>The logprob, residual and gradient stages of the policy: by the objective, or by the fused kernel that
/// computes the same.</summary>
public sealed class ActorUpdate : UpdateStage
{
    private readonly ITrainedPolicy _policy;
    private readonly IObjective _objective;
    private readonly FusedKernel? _kernel;
    private readonly float _temperature;

    /// <summary>For an objective; micro-batches and mini-batches are those of section actor.</summary>
    public ActorUpdate(ITrainedPolicy policy, IObjective objective, RunConfig config)
        : base(policy, ShapeOf(objective, config))
    {
        _policy = policy;
        _objective = objective;
        _kernel = config.Actor.FusedResidual ? objective.Fused : null;
        _temperature = TemperatureOf(config);
    }

    /// <summary>The values that the policy learns beside its responses, where it is its own critic.</summary>
    public SharedValues? Values { get; init; }

    /// <summary>What logits are divided by, in rollout and update; greedy rollouts are scored at 1.</summary>
    public static float TemperatureOf(RunConfig config) => config.Rollout.Temperature > 0
        ? (float)config.Rollout.Temperature : 1;

    /// <inheritdoc/>
    protected override ObjectiveBatch Prepare(ObjectiveBatch mini) => _objective.Prepare(mini);

    /// <inheritdoc/>
    protected override double Backpropagate(TrajectoryBatch batch, Range range, ObjectiveBatch part,
        ObjectiveMetrics metrics, UpdateResult result)
    {
        PackedBatch packed = batch.Pack(range);
        if (_kernel is not null)
        {
            (Scores fused, float[] residual, double loss) =
                _policy.ResidualGradient(packed, _temperature, Fused(_kernel, part));
            result.Residuals.AddRange(Array.ConvertAll(residual, f => (double)f));
            Record(batch, range, packed, part, fused, result, Array.ConvertAll(residual, f => (double)f));
            return loss;
        }

        Scores kept = _policy.LogProb(packed, _temperature, keep: true, _objective.Needs.HasFlag(Needs.Entropy));
        ObjectiveResult evaluated = _objective.Evaluate(Scored(part, kept));
        double valueLoss = Values?.Add(part, metrics) ?? 0;
        _policy.Backward(Narrow(evaluated.DQ), Narrow(evaluated.DV), Narrow(evaluated.DH));
        result.Residuals.AddRange(evaluated.Residual);
        metrics.Add(evaluated.Metrics);
        Record(batch, range, packed, part, kept, result, evaluated.Residual);
        return evaluated.Loss + valueLoss;
    }

    /// <summary>First the scores of all, then one evaluation, then the forward again, which has the same bits, with the
    /// gradient.</summary>
    private protected override double? AccumulateWhole(TrajectoryBatch batch, IReadOnlyList<Range> micro,
        ObjectiveBatch mini, ObjectiveMetrics metrics, UpdateResult result,
        StepStop stop)
    {
        if (!_objective.Needs.HasFlag(Needs.WholeBatch) || _kernel is not null)
        {
            return null;
        }

        bool needsEntropy = _objective.Needs.HasFlag(Needs.Entropy);
        List<Scores> scores = [];
        foreach (Range range in micro)
        {
            stop.Token.ThrowIfCancellationRequested();
            scores.Add(_policy.LogProb(batch.Pack(range), _temperature, keep: false, needsEntropy));
        }

        Scores all = new([.. scores.SelectMany(s => s.Q)], [.. scores.SelectMany(s => s.V)],
            [.. scores.SelectMany(s => s.H)]);
        ObjectiveResult evaluated = _objective.Evaluate(Scored(mini, all));
        result.Residuals.AddRange(evaluated.Residual);
        metrics.Add(evaluated.Metrics);
        (float[] dq, float[] dv, float[] dh) = (Narrow(evaluated.DQ), Narrow(evaluated.DV), Narrow(evaluated.DH));
        int row = 0, miniBegin = micro.Count > 0 ? micro[0].Start.Value : 0;
        for (int m = 0; m < micro.Count; m++)
        {
            stop.Token.ThrowIfCancellationRequested();
            PackedBatch packed = batch.Pack(micro[m]);
            Scores kept = _policy.LogProb(packed, _temperature, keep: true, needsEntropy);
            Range rows = row..(row + packed.RowCount);
            _policy.Backward(dq.AsSpan(rows), dv.AsSpan(rows), dh.Length > 0 ? dh.AsSpan(rows) : []);
            row += packed.RowCount;
            Range own = (micro[m].Start.Value - miniBegin)..(micro[m].End.Value - miniBegin);
            Record(batch, micro[m], packed, mini.Slice(own), kept, result,
                evaluated.Residual.Length > 0 ? evaluated.Residual[own] : []);
        }

        return evaluated.Loss;
    }

    /// <summary>Log-probs are rounded as the reference's were. Without an old_log_prob pass, the log-probs before the
    /// only update are those of the update itself.</summary>
    private ObjectiveBatch Scored(ObjectiveBatch part, Scores scores)
    {
        double[] logp = new double[scores.Q.Length];
        for (int i = 0; i < logp.Length; i++)
        {
            logp[i] = scores.Logp(i);
        }

        bool isOwn = part.OldLogp.Length == 0 && _objective.Needs.HasFlag(Needs.OldLogp);
        return part with
        {
            Q = Wide(scores.Q),
            V = Wide(scores.V),
            H = Wide(scores.H),
            Logp = logp,
            OldLogp = isOwn ? logp : part.OldLogp
        };
    }

    private static UpdateShape ShapeOf(IObjective objective, RunConfig config) =>
        new(config.Actor.PpoMiniBatchSize, config.Actor.PpoEpochs, config.Actor.PpoMaxTokenLenPerGpu,
            config.Actor.PpoMicroBatchSizePerGpu, config.Data.MaxResponseLength)
        {
            ShuffleSeed = config.Actor.Shuffle ? config.Actor.DataLoaderSeed : null,
            KeepsGroups = objective.Needs.HasFlag(Needs.Groups)
                || config.Actor.LossAggMode == LossAggregation.PromptMean,
        };

    private static FusedResidual Fused(FusedKernel kernel, ObjectiveBatch part) => new()
    {
        CalibratedByReference = kernel.Calibrated,
        Beta = kernel.Beta,
        LossScale = kernel.LossScale,
        DetachValue = kernel.DetachValue,
        RefLogp = Narrow(part.RefLogp),
        RefV1 = kernel.Calibrated ? Narrow(part.RefV1) : [],
        RefVEnd = kernel.Calibrated ? Narrow(part.RefVEnd) : [],
        VFrozen = kernel.FrozenValue ? Narrow(part.VFrozen) : [],
        Reward = part.Rewards,
        Weight = part.Weight,
        Bootstrap = Array.ConvertAll(part.Bootstrap, b => b ? 1 : 0),
    };

    private static double[] Wide(float[] values) => Array.ConvertAll(values, v => (double)v);

    private static float[] Narrow(double[] values) => Array.ConvertAll(values, v => (float)v);

    private static void Record(TrajectoryBatch batch, Range range, PackedBatch packed, ObjectiveBatch part,
        Scores scores, UpdateResult result, double[] residuals)
    {
        int first = range.Start.Value;
        for (int b = 0; b < packed.RowOffsets.Length - 1; b++)
        {
            Trajectory trajectory = batch.Trajectories[first + b];
            int begin = (int)packed.RowOffsets[b];
            double ratio = 0;
            float[] logp = new float[trajectory.ResponseIds.Length];
            bool isRecorded = trajectory.Logp.Length == logp.Length, isDrift = isRecorded && result.Applied == 0
                && batch.IsCurrent(first + b);
            for (int h = 0; h < logp.Length; h++)
            {
                logp[h] = scores.Logp(begin + h);
                ratio += part.RefLogp.Length > 0 ? logp[h] - part.RefLogp[begin + h] : 0;
                if (isDrift)
                {
                    result.Drift.Add(trajectory.Logp[h], logp[h]);
                }
            }

            RecordDistance(batch, first + b, trajectory, logp, b < residuals.Length ? residuals[b] : null, result);

            if (trajectory.ResponseIds.Length == 0)
            {
                continue;
            }

            result.FirstValues.Add(scores.V[begin]);
            if (part.RefLogp.Length > 0)
            {
                result.LogRatios.Add(ratio);
            }
        }
    }

    /// <summary>A trajectory that is not trained on says nothing about what is learned from.</summary>
    private static void RecordDistance(TrajectoryBatch batch, int b, Trajectory trajectory, float[] logp,
        double? residual, UpdateResult result)
    {
        if (batch.Ages.Count == 0 || batch.Weights[b] == 0)
        {
            return;
        }

        result.OffPolicy.Add(batch.Ages[b], residual);
        if (trajectory.Logp.Length == logp.Length)
        {
            result.OffPolicy.Add(trajectory.Logp, logp);
        }
    }
}
