using System;
using NUnit.Framework;
using Tbrm.Testing;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Tests;

public sealed class LearningRateTests
{
    [Test]
    public void Warm_up_rises_linearly_to_the_rate()
    {
        LearningRate rate = new(new() { Lr = 2, LrWarmupSteps = 4 }, totalSteps: 10);
        Assert.That(new[] { rate.At(1), rate.At(2), rate.At(4), rate.At(5), rate.At(10) },
            Is.EqualTo(new[] { 0.5, 1.0, 2, 2, 2 }));
    }

    [TestCase("cosine")]
    [TestCase("linear")]
    public void A_decay_begins_at_the_rate_and_comes_near_its_floor(string shape)
    {
        LearningRate rate = new(new() { Lr = 1, LrSchedulerType = shape, MinLrRatio = 0.1 }, totalSteps: 1000);
        Compare.Close(rate.At(1), 1, 1e-12, "first step");
        Compare.Close(rate.At(1000), 0.1, 0.9 * Math.PI * Math.PI / 1000, "last step");
        for (long step = 2; step <= 1000; step++)
        {
            Assert.That(rate.At(step), Is.LessThan(rate.At(step - 1)));
        }
    }

    [Test]
    public void A_share_of_the_steps_warms_up_when_no_number_is_given() =>
        Compare.Close(new LearningRate(new() { Lr = 1, LrWarmupStepsRatio = 0.1 }, 100).At(5), 0.5, 1e-12,
            "step 5 of 10");
}
