using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Objectives;
using static TorchSharp.torch;

namespace Tbrm.Torch;

/// <summary>
/// A micro-batch as tensors: N rows that count, of B trajectories that are not dropped and have such a row, in their
/// order. fp64; log-probabilities and values of the policy in nats. A column that the step did not compute is an error
/// that names what <see cref="IObjective.Needs"/> lacks.
/// </summary>
public sealed class ObjectiveTensors
{
    private readonly ObjectiveBatch _batch;
    private readonly ObjectiveResult _result;
    private readonly int[] _rows, _trajectories;
    private readonly bool _isWhole;

    internal ObjectiveTensors(ObjectiveBatch batch, ObjectiveResult result)
    {
        (_batch, _result) = (batch, result);
        List<int> rows = [], trajectories = [];
        List<long> of = [], first = [];
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            (int begin, int end) = batch.Actions(b);
            int before = rows.Count;
            for (int i = begin; i < end && !batch.IsDropped(b); i++)
            {
                if (batch.Counts(i))
                {
                    rows.Add(i);
                    of.Add(trajectories.Count);
                }
            }

            if (rows.Count > before)
            {
                first.Add(before);
                trajectories.Add(b);
            }
        }

        (_rows, _trajectories) = ([.. rows], [.. trajectories]);
        _isWhole = _rows.Length == batch.RowCount;
        Trajectory = tensor(of.ToArray());
        First = tensor(first.ToArray());
    }

    /// <summary>N.</summary>
    public int Rows => _rows.Length;

    /// <summary>B.</summary>
    public int Trajectories => _trajectories.Length;

    /// <summary>The trajectory of each row, int64, [N].</summary>
    public Tensor Trajectory { get; }

    /// <summary>The first row of each trajectory, int64, [B].</summary>
    public Tensor First { get; }

    /// <summary>Weight of each trajectory in a mean over the mini-batch's trajectories, [B].</summary>
    public Tensor Weight => Each(_batch.WeightOf);

    /// <summary>Outcome reward, task units, [B].</summary>
    public Tensor Reward => Each(_batch.RewardOf);

    /// <summary>The prompt that each trajectory answers, int64, [B].</summary>
    public Tensor Group => tensor(Array.ConvertAll(_trajectories,
        b => (long)Given(_batch.Group, nameof(Group), Needs.Groups)[b]));

    /// <summary>V*(x), reward units, [B].</summary>
    public Tensor VStar => Each(_batch.VStar, nameof(VStar), Needs.VStar);

    /// <summary>V_ref(s_1), nats, [B].</summary>
    public Tensor RefV1 => Each(_batch.RefV1, nameof(RefV1), Needs.ReferenceValue);

    /// <summary>V(s_1) of the previous iterate, nats, [B].</summary>
    public Tensor VFrozen => Each(_batch.VFrozen, nameof(VFrozen), Needs.FrozenValue);

    /// <summary>Reward of the greedy response, or another baseline that <see cref="IObjective.Prepare"/> gave,
    /// [B].</summary>
    public Tensor BaselineReward => Each(_batch.BaselineRewards, nameof(BaselineReward), Needs.BaselineRewards);

    /// <summary>log pi_ref of each token, [N].</summary>
    public Tensor RefLogp => Column(_batch.RefLogp, nameof(RefLogp), Needs.ReferenceLogp);

    /// <summary>log pi before the first update on these trajectories, [N].</summary>
    public Tensor OldLogp => Column(_batch.OldLogp, nameof(OldLogp), Needs.OldLogp);

    /// <summary>log pi as the rollout recorded it, [N].</summary>
    public Tensor RolloutLogp => Column(_batch.RolloutLogp, nameof(RolloutLogp), Needs.RolloutLogp);

    /// <summary>Advantages, [N].</summary>
    public Tensor Advantage => Column(_batch.Advantages, nameof(Advantage), Needs.Advantages);

    /// <summary>Q where it is constant for the gradient, [N]: use it in place of <c>q.detach()</c>, so that a check by
    /// finite differences can hold it still.</summary>
    public Tensor ConstantQ => Of(_batch.Constants.Q);

    /// <summary>V where it is constant for the gradient, [N].</summary>
    public Tensor ConstantV => Of(_batch.Constants.V);

    /// <summary>H where it is constant for the gradient, [N].</summary>
    public Tensor ConstantH => Column(_batch.Constants.H, nameof(ConstantH), Needs.Entropy);

    /// <summary>log pi where it is constant for the gradient, [N].</summary>
    public Tensor ConstantLogPi => Of([.. Enumerable.Range(0, _batch.RowCount).Select(_batch.Constants.LogPi)]);

    /// <summary>log pi of each token, [N]: Q - V with its gradient, and the value rounded as the reference's log-probs
    /// are, so that the log-ratio of equal policies is exactly 0.</summary>
    public Tensor LogPi(Tensor q, Tensor v)
    {
        ArgumentNullException.ThrowIfNull(q);
        Tensor exact = q - v;
        return _batch.Logp.Length == 0 ? exact : exact + (Of(_batch.Logp) - exact).detach();
    }

    /// <summary>Weight of each row by verl's <c>loss_agg_mode</c>, counts of the whole mini-batch, [N].</summary>
    public Tensor TokenWeights(string lossAggMode = "token-mean") =>
        Of(LossAggregation.RowWeights(_batch, lossAggMode));

    /// <summary>Sums of rows by trajectory: [N] to [B].</summary>
    public Tensor Sum(Tensor rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return zeros(Trajectories, float64).index_add(0, Trajectory, rows, 1);
    }

    /// <summary>A number of each trajectory at all of its rows: [B] to [N].</summary>
    public Tensor AtRows(Tensor each)
    {
        ArgumentNullException.ThrowIfNull(each);
        return each.index_select(0, Trajectory);
    }

    /// <summary>A number of the first row of each trajectory: [N] to [B].</summary>
    public Tensor AtFirst(Tensor rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return rows.index_select(0, First);
    }

    /// <summary>One residual per trajectory, [B], for the metrics and the report.</summary>
    public void Residual(Tensor each)
    {
        ArgumentNullException.ThrowIfNull(each);
        double[] values = Values(each), all = new double[_batch.TrajectoryCount];
        for (int k = 0; k < values.Length; k++)
        {
            all[_trajectories[k]] = values[k];
        }

        _result.Residual = all;
    }

    /// <summary>A number for the metrics; over micro-batches the mean by rows.</summary>
    public void Metric(string name, Tensor value)
    {
        ArgumentNullException.ThrowIfNull(value);
        _result.Metrics.AddMean(name, Values(value).Sum() * Rows, Rows);
    }

    /// <summary>A column of rows, [N]; without a copy where every row counts.</summary>
    internal Tensor Of(double[] column) => from_array(_isWhole ? column : Array.ConvertAll(_rows, i => column[i]));

    /// <summary>Writes [N] into the rows that count of an array [R].</summary>
    internal void Put(Tensor rows, double[] column)
    {
        double[] values = Values(rows);
        for (int k = 0; k < values.Length; k++)
        {
            column[_rows[k]] = values[k];
        }
    }

    private static double[] Values(Tensor of) => of.detach().to(float64).contiguous().data<double>().ToArray();

    private Tensor Column(double[] column, string name, Needs needed) => Of(Given(column, name, needed));

    private Tensor Each(double[] each, string name, Needs needed)
    {
        double[] given = Given(each, name, needed);
        return Each(b => given[b]);
    }

    private Tensor Each(Func<int, double> of) => tensor(Array.ConvertAll(_trajectories, b => of(b)));

    private static T[] Given<T>(T[] column, string name, Needs needed) => column.Length > 0 ? column
        : throw new InvalidOperationException($"{name} was not computed: add {nameof(Needs)}.{needed} to Needs");
}
