using System;
using System.Linq;

namespace Tbrm.Objectives;

/// <summary>
/// Trajectories as an objective or an estimator sees them: B trajectories over R scored rows, one row per response
/// token (and, where
/// <see cref="Bootstrap"/> says so, one more row for the state after the last token). Trajectory b owns rows
/// [<see cref="RowOffsets"/>[b], <see cref="RowOffsets"/>[b+1]). Log-probabilities, Q, V and H are in nats. An empty
/// array is one that was not
/// given; what an objective or an estimator asks for stands in its <see cref="Needs"/>.
/// </summary>
public sealed partial record ObjectiveBatch
{
    /// <summary>[B+1], ascending from 0 to R.</summary>
    public required long[] RowOffsets { get; init; }

    /// <summary>z[a], the logit of the token that was taken, [R].</summary>
    public double[] Q { get; init; } = [];

    /// <summary>logsumexp(z), [R].</summary>
    public double[] V { get; init; } = [];

    /// <summary>
    /// log pi of the taken token, [R]. Empty: Q - V. A step passes fp32(Q - V), rounded as the reference's log-probs
    /// were, so that the
    /// log-ratio of equal policies is exactly 0.
    /// </summary>
    public double[] Logp { get; init; } = [];

    /// <summary>Entropy of softmax(z), [R].</summary>
    public double[] H { get; init; } = [];

    /// <summary>Which rows count, [R]; empty: all. Whatever stands in the other rows, a NaN too, is never
    /// read.</summary>
    public bool[] Mask { get; init; } = [];

    /// <summary>log pi_ref of the taken token, [R].</summary>
    public double[] RefLogp { get; init; } = [];

    /// <summary>V_ref(s_1), [B].</summary>
    public double[] RefV1 { get; init; } = [];

    /// <summary>V_ref(s_{H+1}) where <see cref="Bootstrap"/>, [B]; empty: 0.</summary>
    public double[] RefVEnd { get; init; } = [];

    /// <summary>log pi before the first update on these trajectories, [R].</summary>
    public double[] OldLogp { get; init; } = [];

    /// <summary>log pi of the policy that sampled the token, as the rollout recorded it, [R].</summary>
    public double[] RolloutLogp { get; init; } = [];

    /// <summary>The critic's values, reward units, [R].</summary>
    public double[] Values { get; init; } = [];

    /// <summary>The critic's values before the first update on these trajectories, [R].</summary>
    public double[] OldValues { get; init; } = [];

    /// <summary>What the critic regresses on, [R].</summary>
    public double[] Returns { get; init; } = [];

    /// <summary>Reward of every token, [R]; empty: <see cref="Rewards"/> at the last row that counts.</summary>
    public double[] TokenRewards { get; init; } = [];

    /// <summary>Advantages, [R].</summary>
    public double[] Advantages { get; init; } = [];

    /// <summary>Importance weights of the rollout's mismatch, [R]; empty: 1.</summary>
    public double[] RolloutWeights { get; init; } = [];

    /// <summary>Importance weights of trajectories, which multiply <see cref="Weight"/> when the mini-batch is cut,
    /// [B];
    /// empty: 1.</summary>
    public double[] TrajectoryWeights { get; init; } = [];

    /// <summary>sum_a pi(a|s)^2, [R].</summary>
    public double[] SumPiSquared { get; init; } = [];

    /// <summary>Outcome reward, task units, [B]; empty: the sum of <see cref="TokenRewards"/>.</summary>
    public double[] Rewards { get; init; } = [];

    /// <summary>The parts of the outcome reward, each [B]; empty: one part.</summary>
    public double[][] RewardParts { get; init; } = [];

    /// <summary>Reward of the greedy response to the same prompt, [B].</summary>
    public double[] BaselineRewards { get; init; } = [];

    /// <summary>Trajectories with the same number answer the same prompt, [B].</summary>
    public int[] Group { get; init; } = [];

    /// <summary>V*(x), reward units, [B].</summary>
    public double[] VStar { get; init; } = [];

    /// <summary>V(s_1) of the previous iterate, nats, [B].</summary>
    public double[] VFrozen { get; init; } = [];

    /// <summary>Weight of the trajectory in a mean over trajectories: 1/|D| over the whole mini-batch, or 0 for a
    /// dropped one, [B]; empty: 1/B.</summary>
    public double[] Weight { get; init; } = [];

    /// <summary>Whether the last row is the state s_{H+1} of a truncated response and no action, [B].</summary>
    public bool[] Bootstrap { get; init; } = [];

    /// <summary>Counts over the whole mini-batch that this is a part of; null: this is the whole.</summary>
    public BatchTotals? Totals { get; init; }

    /// <summary>See <see cref="Constants"/>.</summary>
    public ObjectiveBatch? Frozen { get; init; }

    /// <summary>
    /// Where a loss reads what is constant for the gradient (stop-gradient, detach): this batch itself, in training. A
    /// check moves one row and leaves
    /// the constants at rest, so that differences of the loss are its gradient there too.
    /// </summary>
    public ObjectiveBatch Constants => Frozen ?? this;

    /// <summary>B.</summary>
    public int TrajectoryCount => RowOffsets.Length - 1;

    /// <summary>R.</summary>
    public int RowCount => (int)RowOffsets[^1];

    /// <summary>The rows of trajectory b that are actions: [begin, end).</summary>
    public (int Begin, int End) Actions(int b)
    {
        int begin = (int)RowOffsets[b], end = (int)RowOffsets[b + 1];
        return (begin, end > begin && IsBootstrapped(b) ? end - 1 : end);
    }

    /// <summary>Whether the last row of trajectory b is the state after its last token.</summary>
    public bool IsBootstrapped(int b) => Bootstrap.Length > 0 && Bootstrap[b];

    /// <summary>Whether row i counts.</summary>
    public bool Counts(int i) => Mask.Length == 0 || Mask[i];

    /// <summary>Calls <paramref name="row"/> for every row that counts, of trajectories that are not dropped.</summary>
    internal void ForEachRow(Action<int> row)
    {
        for (int b = 0; b < TrajectoryCount; b++)
        {
            (int begin, int end) = Actions(b);
            for (int i = begin; i < end && !IsDropped(b); i++)
            {
                if (Counts(i))
                {
                    row(i);
                }
            }
        }
    }

    /// <summary>Whether trajectory b takes no part in the loss.</summary>
    public bool IsDropped(int b) => Weight.Length > 0 && Weight[b] == 0;

    /// <summary>The weight of trajectory b in a mean over trajectories.</summary>
    public double WeightOf(int b) => Weight.Length > 0 ? Weight[b] : 1.0 / TrajectoryCount;

    /// <summary>log pi of row i.</summary>
    public double LogPi(int i) => Logp.Length > 0 ? Logp[i] : Q[i] - V[i];

    /// <summary>The outcome reward of trajectory b.</summary>
    public double RewardOf(int b)
    {
        if (Rewards.Length > 0)
        {
            return Rewards[b];
        }

        (int begin, int end) = Actions(b);
        double sum = 0;
        for (int i = begin; i < end; i++)
        {
            sum += Counts(i) ? TokenRewards[i] : 0;
        }

        return sum;
    }

    /// <summary>The counts that means over tokens and sequences divide by.</summary>
    public BatchTotals WholeTotals() => Totals ?? BatchTotals.Of(this);

    /// <summary>
    /// Trajectories of a range, with the counts and weights of the whole: a micro-batch. Columns that are not given
    /// stay so.
    /// </summary>
    public ObjectiveBatch Slice(Range range)
    {
        (int first, int count) = range.GetOffsetAndLength(TrajectoryCount);
        int begin = (int)RowOffsets[first], end = (int)RowOffsets[first + count];
        double[] Rows(double[] all) => all.Length == 0 ? all : all[begin..end];
        T[] Each<T>(T[] all) => all.Length == 0 ? all : all[first..(first + count)];
        return this with
        {
            RowOffsets = Array.ConvertAll(RowOffsets[first..(first + count + 1)], o => o - begin),
            Q = Rows(Q),
            V = Rows(V),
            Logp = Rows(Logp),
            H = Rows(H),
            Mask = Mask.Length == 0 ? Mask : Mask[begin..end],
            RefLogp = Rows(RefLogp),
            OldLogp = Rows(OldLogp),
            RolloutLogp = Rows(RolloutLogp),
            Values = Rows(Values),
            OldValues = Rows(OldValues),
            Returns = Rows(Returns),
            TokenRewards = Rows(TokenRewards),
            Advantages = Rows(Advantages),
            RolloutWeights = Rows(RolloutWeights),
            SumPiSquared = Rows(SumPiSquared),
            RefV1 = Each(RefV1),
            RefVEnd = Each(RefVEnd),
            Rewards = Each(Rewards),
            BaselineRewards = Each(BaselineRewards),
            RewardParts = Array.ConvertAll(RewardParts, Each),
            Group = Each(Group),
            VStar = Each(VStar),
            VFrozen = Each(VFrozen),
            TrajectoryWeights = Each(TrajectoryWeights),
            Bootstrap = Each(Bootstrap),
            Weight = Weight.Length == 0 ? [.. Enumerable.Repeat(1.0 / TrajectoryCount, count)] : Each(Weight),
            Totals = WholeTotals(),
            Frozen = Frozen?.Slice(range),
        };
    }
}
