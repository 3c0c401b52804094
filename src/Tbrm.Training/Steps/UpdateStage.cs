using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Engine.Optimizer;
using Tbrm.Engine.Ranks;
using Tbrm.Objectives;

namespace Tbrm.Training.Steps;

/// <summary>What the updates of one model in one step came from: one update, or mini-batches times epochs.</summary>
public sealed class UpdateResult
{
    private readonly List<(double Loss, OptimizerResult Result)> _updates = [];
    private readonly List<ObjectiveMetrics> _metrics = [];

    /// <summary>Residuals of every evaluation, in the order of the rollout, nats or reward units.</summary>
    public List<double> Residuals { get; } = [];

    /// <summary>V(s_1) of the trajectories that have a first state, nats.</summary>
    public List<double> FirstValues { get; } = [];

    /// <summary>log pi - log pi_ref of each trajectory, nats.</summary>
    public List<double> LogRatios { get; } = [];

    /// <summary>How far the trajectories are from the policy.</summary>
    public OffPolicy OffPolicy { get; } = new();

    /// <summary>How far the trainer's probabilities are from those that the rollout recorded, while the weights are
    /// those of the rollout.</summary>
    public ProbabilityDrift Drift { get; } = new();

    /// <summary>Updates that were tried.</summary>
    public int Count => _updates.Count;

    /// <summary>Updates that were made.</summary>
    public int Applied => _updates.Count(u => u.Result.Applied);

    /// <summary>The loss of an update's trajectories, mean over the updates.</summary>
    public double Loss => _updates.Average(u => u.Loss);

    /// <summary>The gradient norm before clipping, mean over the updates.</summary>
    public double GradNorm => _updates.Average(u => u.Result.GradNorm);

    /// <summary>The objective's own numbers, over the updates: the mean; of a name with max or min in it the largest or
    /// smallest.</summary>
    public IEnumerable<KeyValuePair<string, double>> Metrics => _metrics.SelectMany(m => m.Values)
        .GroupBy(p => p.Key, p => p.Value, StringComparer.Ordinal)
        .Select(g => KeyValuePair.Create(g.Key,
            g.Key.Contains("max", StringComparison.Ordinal) ? g.Max() : g.Key.Contains("min", StringComparison.Ordinal)
            ? g.Min() : g.Average()));

    /// <summary>The residuals of a shuffled epoch in the order of the rollout.</summary>
    /// <param name="first">Where the epoch's begin.</param>
    /// <param name="order">Which trajectory each of them belongs to.</param>
    internal void PutBack(int first, int[] order)
    {
        if (Residuals.Count - first == order.Length)
        {
            double[] shuffled = [.. Residuals[first..]];
            for (int k = 0; k < order.Length; k++)
            {
                Residuals[first + order[k]] = shuffled[k];
            }
        }
    }

    /// <summary>Takes in an update.</summary>
    internal void Add(double loss, ObjectiveMetrics metrics, OptimizerResult result)
    {
        _updates.Add((loss, result));
        _metrics.Add(metrics);
    }
}

/// <summary>
/// The updates of one model in a step: for every epoch, for every mini-batch, the gradient over its micro-batches, then
/// the optimizer. The sum
/// over micro-batches is the loss of the mini-batch, whatever the cut.
/// </summary>
public abstract class UpdateStage(ITrainedModel model, UpdateShape shape)
{
    /// <summary>Whether a step of these trajectories has more than one update.</summary>
    public bool IsSeveral(TrajectoryBatch batch) => shape.Epochs > 1
        || batch.MiniBatches(shape.MiniBatchPrompts).Count > 1;

    /// <summary>Makes the updates of a step.</summary>
    /// <param name="step">Its number, for the schedule.</param>
    /// <param name="batch">The trajectories; where some had logits that were not finite, no update is made.</param>
    /// <param name="columns">What was computed of them.</param>
    /// <param name="stop">Stops until the first update.</param>
    /// <param name="earlier">What the step's earlier updates came from; null: this is the first.</param>
    internal UpdateResult Run(long step, TrajectoryBatch batch, ObjectiveBatch columns, StepStop stop,
        UpdateResult? earlier = null)
    {
        UpdateResult result = earlier ?? new();
        for (int epoch = 0; epoch < shape.Epochs; epoch++)
        {
            if (shape.Order(batch, step, result.Count) is not { } order)
            {
                RunEpoch(step, batch, columns, batch.MiniBatches(shape.MiniBatchPrompts), result, stop);
                continue;
            }

            // As large as the mini-batches of whole prompts; of groups of several sizes, as the order has them.
            TrajectoryBatch shuffled = batch.Reordered(order);
            int before = result.Residuals.Count;
            RunEpoch(step, shuffled, columns.Reordered(order),
                (shape.KeepsGroups ? shuffled : batch).MiniBatches(shape.MiniBatchPrompts), result, stop);
            result.PutBack(before, order);
        }

        return result;
    }

    private void RunEpoch(long step, TrajectoryBatch batch, ObjectiveBatch columns, IReadOnlyList<Range> ranges,
        UpdateResult result, StepStop stop)
    {
        foreach (Range range in ranges)
        {
            ObjectiveBatch mini = Mini(columns, range);
            ObjectiveMetrics metrics = new();
            double loss = Accumulate(batch, range, mini, metrics, result, stop);
            bool isSkipped = batch.NonFinite > 0 || mini.Weight.All(w => w == 0) || !double.IsFinite(loss);
            result.Add(loss, metrics, isSkipped ? Skip() : model.Update(step));
            if (result.Applied > 0)
            {
                stop.BeginUpdating();
            }
        }
    }

    /// <summary>What depends on the whole mini-batch but not on the model.</summary>
    protected virtual ObjectiveBatch Prepare(ObjectiveBatch mini) => mini;

    /// <summary>Accumulates the gradient of one micro-batch; returns its share of the loss.</summary>
    /// <param name="batch">The step.</param>
    /// <param name="range">The micro-batch's trajectories.</param>
    /// <param name="part">Their columns.</param>
    /// <param name="metrics">Takes in the objective's numbers.</param>
    /// <param name="result">Takes in what is recorded per trajectory.</param>
    protected abstract double Backpropagate(TrajectoryBatch batch, Range range, ObjectiveBatch part,
        ObjectiveMetrics metrics, UpdateResult result);

    /// <summary>Accumulates the gradient of a mini-batch whose trajectories depend on one another; null: micro-batches
    /// are evaluated one by one.</summary>
    private protected virtual double? AccumulateWhole(TrajectoryBatch batch, IReadOnlyList<Range> micro,
        ObjectiveBatch mini, ObjectiveMetrics metrics, UpdateResult result,
        StepStop stop) => null;

    /// <summary>The rows of a micro-batch among those of its mini-batch.</summary>
    private protected static ObjectiveBatch Part(ObjectiveBatch mini, Range miniRange, Range range) =>
        mini.Slice((range.Start.Value - miniRange.Start.Value)..(range.End.Value - miniRange.Start.Value));

    private double Accumulate(TrajectoryBatch batch, Range range, ObjectiveBatch mini, ObjectiveMetrics metrics,
        UpdateResult result, StepStop stop)
    {
        try
        {
            IReadOnlyList<Range> micro =
                RankSplit.Joined(batch.Cut(range, shape.MaxTokens, shape.MaxSequences), model.Ranks);
            if (AccumulateWhole(batch, micro, mini, metrics, result, stop) is { } whole)
            {
                return whole;
            }

            double loss = 0;
            foreach (Range part in micro)
            {
                stop.Token.ThrowIfCancellationRequested();
                loss += Backpropagate(batch, part, Part(mini, range, part), metrics, result);
            }

            return loss;
        }
        catch
        {
            model.Discard();
            throw;
        }
    }

    private ObjectiveBatch Mini(ObjectiveBatch columns, Range range)
    {
        ObjectiveBatch mini = columns.Slice(range);
        int kept = mini.Weight.Count(w => w > 0);
        double Of(int b) => mini.TrajectoryWeights.Length > 0 ? mini.TrajectoryWeights[b] : 1;
        mini = mini with { Weight = [.. mini.Weight.Select((w, b) => w > 0 ? Of(b) / kept : 0)], Totals = null };
        return Prepare(mini with { Totals = BatchTotals.Of(mini, shape.Horizon) });
    }

    private OptimizerResult Skip()
    {
        model.Discard();
        return new(double.NaN, Applied: false, Step: -1);
    }
}
