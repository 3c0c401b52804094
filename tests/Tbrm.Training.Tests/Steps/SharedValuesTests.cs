using System;
using System.Linq;
using NUnit.Framework;
using Tbrm.Engine.Logprob;
using Tbrm.Objectives;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Tests.Steps;

/// <summary>The values of a policy that is its own critic: their loss and gradient times the coefficient.</summary>
public sealed class SharedValuesTests
{
    [Test]
    public void Loss_and_gradient_are_the_critics_times_the_coefficient()
    {
        ObjectiveBatch part = new()
        {
            RowOffsets = [0, 2],
            OldValues = [0, 0],
            Returns = [1, -1],
        };
        ValueLoss loss = new(new() { CliprangeValue = 100 });
        ObjectiveResult alone = loss.Evaluate(part with { Values = [0.5, 0.25] });
        FixedValues critic = new([0.5f, 0.25f]);
        double added = new SharedValues(critic, loss, 0.25).Add(part, new());
        Assert.That(added, Is.EqualTo(0.25 * alone.Loss).Within(1e-15));
        Assert.That(critic.Gradient, Is.EqualTo(alone.DValues.Select(d => (float)(0.25 * d))));
        Assert.That(critic.Gradient, Has.None.EqualTo(0f));
    }

    private sealed class FixedValues(float[] values) : ISharedCritic
    {
        public float[] Gradient { get; private set; } = [];

        public float[] Values(PackedBatch batch) => throw new NotSupportedException("the kept batch was asked for");

        public float[] OfKept(int rows) => values[..rows];

        public void AddGradient(ReadOnlySpan<float> dValues) => Gradient = dValues.ToArray();
    }
}
