using System;
using System.Linq;

namespace Tbrm.Objectives;

/// <content>Trajectories in another order.</content>
public sealed partial record ObjectiveBatch
{
    /// <summary>
    /// The whole batch with its trajectories in another order: trajectory k is number <paramref name="order"/>[k] of
    /// this one.
    /// Columns that are not given stay so.
    /// </summary>
    public ObjectiveBatch Reordered(int[] order)
    {
        ArgumentNullException.ThrowIfNull(order);
        int[] rows = [.. order.SelectMany(b =>
            Enumerable.Range((int)RowOffsets[b], (int)(RowOffsets[b + 1] - RowOffsets[b])))];
        T[] Rows<T>(T[] all) => all.Length == 0 ? all : [.. rows.Select(i => all[i])];
        T[] Each<T>(T[] all) => all.Length == 0 ? all : [.. order.Select(b => all[b])];
        long[] offsets = new long[order.Length + 1];
        for (int k = 0; k < order.Length; k++)
        {
            offsets[k + 1] = offsets[k] + RowOffsets[order[k] + 1] - RowOffsets[order[k]];
        }

        return this with
        {
            RowOffsets = offsets,
            Q = Rows(Q),
            V = Rows(V),
            Logp = Rows(Logp),
            H = Rows(H),
            Mask = Rows(Mask),
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
            RewardParts = Array.ConvertAll(RewardParts, Each),
            BaselineRewards = Each(BaselineRewards),
            Group = Each(Group),
            VStar = Each(VStar),
            VFrozen = Each(VFrozen),
            TrajectoryWeights = Each(TrajectoryWeights),
            Weight = Each(Weight),
            Bootstrap = Each(Bootstrap),
            Frozen = Frozen?.Reordered(order),
        };
    }
}
