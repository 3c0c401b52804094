using System;
using System.Collections.Generic;
using NUnit.Framework;
using Tbrm.Testing;

namespace Tbrm.Objectives.Tests;

/// <summary>
/// Every objective's gradient against central differences. The losses are at most quadratic in Q and V, so the difference quotient has no
/// truncation error, and the inputs are dyadic, so what is left is the rounding of the fp64 loss: eps * |loss| / step.
/// </summary>
public sealed class GradientTests
{
    private const float Step = 0.25f;

    private static IEnumerable<IObjective> Objectives()
    {
        yield return new TbrmObjective(0.002);
        yield return new TbrmObjective(0.25, lossScale: 0.0625);
        yield return new RevalObjective(0.02);
        yield return new BrmObjective(0.125);
        yield return new AStarPoObjective(0.5);
        yield return new SftObjective();
    }

    [Test]
    public void Gradients_are_the_finite_differences([ValueSource(nameof(Objectives))] IObjective objective, [Values] bool bootstrap)
    {
        if (bootstrap && objective is AStarPoObjective or SftObjective)
        {
            bootstrap = false;
        }

        ObjectiveBatch batch = Batches.Random(11, bootstrap: bootstrap);
        ObjectiveResult result = objective.Evaluate(batch);
        double rounding = 8 * 2.2e-16 * Math.Abs(result.Loss) / Step;
        for (int row = 0; row < batch.RowCount; row++)
        {
            foreach (string array in new[] { "Q", "V" })
            {
                double up = objective.Evaluate(batch.With(array, row, Step)).Loss;
                double down = objective.Evaluate(batch.With(array, row, -Step)).Loss;
                double expected = (up - down) / (2 * Step);
                float actual = array == "Q" ? result.DQ[row] : result.DV[row];
                Compare.Close(actual, expected, rounding + Compare.Fp32Epsilon * Math.Abs(expected), $"{objective.Name}: dL/d{array}[{row}]");
            }
        }
    }

    [Test]
    public void A_detached_value_gives_the_gradient_of_the_log_probability_alone()
    {
        ObjectiveBatch batch = Batches.Random(5);
        ObjectiveResult result = new TbrmObjective(0.002, detachValue: true).Evaluate(batch);
        for (int row = 0; row < batch.RowCount; row++)
        {
            Assert.That(result.DV[row], Is.EqualTo(-result.DQ[row]), $"row {row}: alpha and gamma must be equal everywhere");
        }
    }

    [Test]
    public void Stopping_the_next_value_leaves_no_gradient_on_values()
    {
        ObjectiveResult result = new BrmObjective(0.1, stopGradientNext: true).Evaluate(Batches.Random(6));
        Assert.That(result.DV, Is.All.Zero);
        Assert.That(result.DQ, Has.Some.Not.Zero);
    }
}
