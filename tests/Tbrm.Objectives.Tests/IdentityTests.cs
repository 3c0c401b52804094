using System;
using System.Linq;
using NUnit.Framework;
using Tbrm.Testing;

namespace Tbrm.Objectives.Tests;

/// <summary>The algebra that the objectives must satisfy (docs/math/residual.md).</summary>
public sealed class IdentityTests
{
    /// <summary>Sums of a few hundred terms of size up to 500: a few hundred roundings of fp64.</summary>
    private const double Fp64Sum = 1e-10;

    [Test]
    public void Token_residuals_telescope_to_the_trajectory_residual([Values] bool bootstrap)
    {
        ObjectiveBatch batch = Batches.Random(3, bootstrap: bootstrap);
        double[] token = new BrmObjective(0.002).Evaluate(batch).Residual;
        double[] trajectory = new TbrmObjective(0.002).Evaluate(batch).Residual;
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            Compare.Close(token[b], trajectory[b], Fp64Sum, $"trajectory {b}");
        }
    }

    [Test]
    public void At_the_reference_the_residual_is_what_the_initialisation_says()
    {
        ObjectiveBatch batch = AtReference(Batches.Random(4));
        const double beta = 0.002;
        double[] tbrm = new TbrmObjective(beta).Evaluate(batch).Residual;
        double[] reval = new RevalObjective(beta).Evaluate(batch).Residual;
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            bool empty = batch.RowOffsets[b] == batch.RowOffsets[b + 1];
            double reward = empty ? 0 : batch.Reward[b] / beta;
            Compare.Close(tbrm[b], (empty ? 0 : batch.RefV1[b]) - reward, 1e-4, $"TBRM {b}: V_ref(s_1) - r/beta");
            Compare.Close(reval[b], -reward, 1e-4, $"ReVal {b}: -r/beta");
        }
    }

    [Test]
    public void A_constant_added_to_logits_changes_only_the_first_state()
    {
        ObjectiveBatch batch = Batches.Random(8);
        double before = new TbrmObjective(0.01).Evaluate(batch).Residual[0];
        int first = (int)batch.RowOffsets[0], second = first + 1;
        ObjectiveBatch later = batch.With("Q", second, 2).With("V", second, 2);
        ObjectiveBatch sooner = batch.With("Q", first, 2).With("V", first, 2);
        Compare.Close(new TbrmObjective(0.01).Evaluate(later).Residual[0], before, Fp64Sum, "a later state is a gauge direction");
        Compare.Close(new TbrmObjective(0.01).Evaluate(sooner).Residual[0], before + 2, Fp64Sum, "the first state carries the value");
    }

    [Test]
    public void In_reward_units_the_loss_is_A_star_PO_with_the_policys_own_value()
    {
        const double beta = 0.125;
        ObjectiveBatch batch = Batches.Random(9);
        ObjectiveBatch advantage = batch with
        {
            Reward = [.. Enumerable.Range(0, batch.TrajectoryCount).Select(b => batch.RowOffsets[b] == batch.RowOffsets[b + 1]
                ? 0 : batch.Reward[b] - (float)beta * batch.V[batch.RowOffsets[b]])],
        };
        double tbrm = new TbrmObjective(beta, lossScale: beta * beta).Evaluate(batch).Loss;
        Compare.Close(new AStarPoObjective(beta).Evaluate(advantage).Loss, tbrm, 1e-6 * tbrm, "beta^2 L_TBRM");
    }

    [Test]
    public void A_cut_into_micro_batches_changes_nothing()
    {
        ObjectiveBatch whole = Batches.Random(10, trajectories: 8);
        ObjectiveResult all = new TbrmObjective(0.002).Evaluate(whole);
        double loss = 0;
        foreach (Range part in new[] { 0..3, 3..4, 4..8 })
        {
            (int begin, int count) = part.GetOffsetAndLength(8);
            long from = whole.RowOffsets[begin], to = whole.RowOffsets[begin + count];
            ObjectiveResult piece = new TbrmObjective(0.002).Evaluate(new()
            {
                RowOffsets = [.. whole.RowOffsets[begin..(begin + count + 1)].Select(o => o - from)],
                Q = whole.Q[(int)from..(int)to],
                V = whole.V[(int)from..(int)to],
                RefLogp = whole.RefLogp[(int)from..(int)to],
                Reward = whole.Reward[part],
                Weight = whole.Weight[part],
            });
            loss += piece.Loss;
            Assert.That(piece.DQ, Is.EqualTo(all.DQ[(int)from..(int)to]));
            Assert.That(piece.DV, Is.EqualTo(all.DV[(int)from..(int)to]));
        }

        Compare.Close(loss, all.Loss, 1e-12 * all.Loss, "loss");
    }

    [Test]
    public void The_optimal_value_is_a_log_mean_exp()
    {
        double[] rewards = [0, 1, 1, 0, 0, 0, 0, 1];
        double expected = 0.5 * Math.Log(1 + 3.0 / 8 * (Math.Exp(2) - 1));
        Compare.Close(AStarPoObjective.OptimalValue(rewards, 0.5), expected, 1e-14, "binary rewards");
        Compare.Close(AStarPoObjective.OptimalValue(rewards, 1e-4), 1 + 1e-4 * Math.Log(3.0 / 8), 1e-14, "a small beta must not overflow");
        Compare.Close(AStarPoObjective.OptimalValue(rewards, 0), 3.0 / 8, 1e-14, "beta 0 is the mean");
    }

    [Test]
    public void A_batch_that_does_not_hold_together_is_refused_with_its_numbers()
    {
        ObjectiveBatch batch = Batches.Random(1);
        ArgumentException e = Assert.Throws<ArgumentException>(() => new TbrmObjective(0.002).Evaluate(batch with { RefLogp = [] }))!;
        Assert.That(e.Message, Does.Contain($"expected {batch.RowCount}, found 0"));
    }

    /// <summary>Replaces Q so that log pi = log pi_ref on every row, and V_1 = V_ref,1.</summary>
    private static ObjectiveBatch AtReference(ObjectiveBatch batch)
    {
        float[] v = [.. batch.V];
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            if (batch.RowOffsets[b] < batch.RowOffsets[b + 1])
            {
                v[batch.RowOffsets[b]] = batch.RefV1[b];
            }
        }

        return batch with { V = v, Q = [.. v.Zip(batch.RefLogp, (value, logp) => value + logp)] };
    }
}
