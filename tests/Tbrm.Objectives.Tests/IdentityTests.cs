using System;
using System.Linq;
using NUnit.Framework;
using Tbrm.Objectives.Bellman;
using Tbrm.Testing;

namespace Tbrm.Objectives.Tests;

/// <summary>The algebra that the Bellman residual objectives must satisfy (docs/math/residual.md).</summary>
public sealed class IdentityTests
{
    /// <summary>Sums of a few hundred terms of size up to 500: a few hundred roundings of fp64.</summary>
    private const double Fp64Sum = 1e-10;

    private static double[] Residual(IObjective objective, ObjectiveBatch batch) => objective.Evaluate(batch).Residual;

    [Test]
    public void Token_residuals_telescope_to_the_trajectory_residual([Values] bool bootstrap, [Values] bool mask)
    {
        ObjectiveBatch batch = Batches.Random(3, bootstrap: bootstrap, mask: mask);
        double[] token = Residual(new BrmObjective(new() { Beta = 0.002 }), batch),
            trajectory = Residual(new TbrmObjective(0.002), batch);
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            Compare.Close(token[b], trajectory[b], Fp64Sum, $"trajectory {b}");
        }
    }

    [Test]
    public void At_the_reference_the_residual_is_exactly_what_the_initialisation_says([Values] bool bootstrap)
    {
        ObjectiveBatch batch = AtReference(Batches.Random(4, bootstrap: bootstrap));
        const double beta = 0.002;
        double[] tbrm = Residual(new TbrmObjective(beta), batch), reval = Residual(new RevalObjective(beta), batch);
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            (int begin, int end) = batch.Actions(b);
            double first = begin == end ? 0
                : batch.V[begin] - batch.Rewards[b] / beta - (batch.IsBootstrapped(b) ? batch.V[end] : 0);
            Assert.That(tbrm[b], Is.EqualTo(first), $"TBRM {b}: V_ref(s_1) - r/beta");
            Assert.That(reval[b], Is.EqualTo(begin == end ? 0 : -batch.Rewards[b] / beta), $"ReVal {b}: -r/beta");
        }
    }

    [Test]
    public void ReVal_does_not_move_where_there_is_no_signal([Values] bool bootstrap)
    {
        ObjectiveBatch batch = AtReference(Batches.Random(4, bootstrap: bootstrap)) with { Rewards = new double[8] };
        ObjectiveResult result = new RevalObjective(0.002).Evaluate(batch);
        Assert.That(result.Loss, Is.Zero);
        Assert.That(result.DQ, Is.All.Zero);
        Assert.That(result.DV, Is.All.Zero);
    }

    [Test]
    public void Log_probabilities_that_were_rounded_alike_cancel()
    {
        ObjectiveBatch batch = Batches.Random(5);
        double[] rounded = [.. batch.Q.Zip(batch.V, (q, v) => (double)((float)q - (float)v))];
        ObjectiveResult result = new TbrmObjective(0.002).Evaluate(batch with { Logp = rounded, RefLogp = rounded });
        Assert.That(result.Metrics["actor/logprob_ratio_ref/mean"], Is.Zero);
    }

    [Test]
    public void A_constant_added_to_logits_changes_only_the_first_state()
    {
        ObjectiveBatch batch = Batches.Random(8);
        double before = Residual(new TbrmObjective(0.01), batch)[0];
        Compare.Close(Residual(new TbrmObjective(0.01), Shifted(batch, 1))[0], before, Fp64Sum,
            "a later state is a gauge direction");
        Compare.Close(Residual(new TbrmObjective(0.01), Shifted(batch, 0))[0], before + 2, Fp64Sum,
            "the first state carries the value");
    }

    [Test]
    public void The_gradient_over_the_vocabulary_sums_to_2_w_f_at_the_first_row_and_to_0_later()
    {
        ObjectiveBatch batch = Batches.Random(6);
        ObjectiveResult result = new TbrmObjective(0.002).Evaluate(batch);
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            (int begin, int end) = batch.Actions(b);
            for (int i = begin; i < end; i++)
            {
                Compare.Close(result.DQ[i] + result.DV[i], i == begin ? 2 * batch.Weight[b] * result.Residual[b] : 0,
                    Fp64Sum, $"row {i}");
            }
        }
    }

    [Test]
    public void In_reward_units_the_loss_is_A_star_PO_with_the_policys_own_value()
    {
        const double beta = 0.125;
        ObjectiveBatch batch = Batches.Random(9);
        ObjectiveBatch own = batch with
        {
            VStar = [.. Enumerable.Range(0, batch.TrajectoryCount)
                .Select(b => batch.Actions(b) is var (begin, end) && begin < end ? beta * batch.V[begin] : 0)],
        };
        double tbrm = new TbrmObjective(new BellmanOptions { Beta = beta, LossScale = "reward" }).Evaluate(batch).Loss;
        Compare.Close(new AStarPoObjective(new() { Beta2 = beta }).Evaluate(own).Loss, tbrm, 1e-12 * tbrm,
            "beta^2 L_TBRM");
    }

    [Test]
    public void A_detached_value_gives_the_gradient_of_the_log_probability_alone()
    {
        ObjectiveResult result = new TbrmObjective(new BellmanOptions { DetachValue = true })
            .Evaluate(Batches.Random(5));
        Assert.That(result.DV, Is.EqualTo(result.DQ.Select(d => -d)), "alpha and gamma must be equal everywhere");
    }

    [Test]
    public void A_frozen_value_is_a_detached_one_of_another_number()
    {
        ObjectiveBatch batch = Batches.Random(5);
        double[] own = [.. Enumerable.Range(0, batch.TrajectoryCount)
            .Select(b => batch.Actions(b) is var (begin, end) && begin < end ? batch.V[begin] : 0)];
        ObjectiveResult detached = new TbrmObjective(new BellmanOptions { DetachValue = true }).Evaluate(batch);
        ObjectiveResult frozen = new TbrmObjective(new BellmanOptions { Iterative = true })
            .Evaluate(batch with { VFrozen = own });
        Assert.That((frozen.Loss, frozen.DQ, frozen.DV), Is.EqualTo((detached.Loss, detached.DQ, detached.DV)));
    }

    [Test]
    public void Stopping_the_next_value_leaves_no_gradient_on_values()
    {
        ObjectiveResult result = new BrmObjective(new() { StopGradNext = true }).Evaluate(Batches.Random(6));
        Assert.That(result.DV, Is.All.Zero);
        Assert.That(result.DQ, Has.Some.Not.Zero);
    }

    [Test]
    public void The_optimal_value_is_a_log_mean_exp()
    {
        double[] rewards = [0, 1, 1, 0, 0, 0, 0, 1];
        double expected = 0.5 * Math.Log(1 + 3.0 / 8 * (Math.Exp(2) - 1));
        Compare.Close(OptimalValue.Of(rewards, 0.5), expected, 1e-14, "binary rewards");
        Compare.Close(OptimalValue.Of(rewards, 1e-4), 1 + 1e-4 * Math.Log(3.0 / 8), 1e-14,
            "a small beta must not overflow");
        Compare.Close(OptimalValue.Of(rewards, 0), 3.0 / 8, 1e-14, "beta 0 is the mean");
        Assert.That(OptimalValue.Of(rewards, -1), Is.Zero);
        Assert.That(OptimalValue.Of([], 1), Is.Zero);
    }

    [Test]
    public void A_batch_that_does_not_hold_together_is_refused_with_its_numbers()
    {
        ObjectiveBatch batch = Batches.Random(1);
        ArgumentException e =
            Assert.Throws<ArgumentException>(() => new TbrmObjective(0.002).Evaluate(batch with { RefLogp = [] }))!;
        Assert.That(e.Message, Does.Contain($"expected {batch.RowCount}, found 0"));
    }

    /// <summary>The reference is the policy: log-probs and values are the same numbers.</summary>
    private static ObjectiveBatch AtReference(ObjectiveBatch batch)
    {
        (double[] v1, double[] vEnd) = (new double[batch.TrajectoryCount], new double[batch.TrajectoryCount]);
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            (int begin, int end) = batch.Actions(b);
            v1[b] = begin < end ? batch.V[begin] : 0;
            vEnd[b] = batch.IsBootstrapped(b) ? batch.V[end] : 0;
        }

        return batch with { RefV1 = v1, RefVEnd = vEnd, RefLogp = [.. batch.Q.Zip(batch.V, (q, v) => q - v)] };
    }

    private static ObjectiveBatch Shifted(ObjectiveBatch batch, int row)
    {
        double[] q = [.. batch.Q], v = [.. batch.V];
        q[row] += 2;
        v[row] += 2;
        return batch with { Q = q, V = v };
    }
}
