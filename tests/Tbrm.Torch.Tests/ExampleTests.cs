using System.Text.Json.Nodes;
using Example;
using NUnit.Framework;
using Tbrm.Core.Plugins;
using Tbrm.Objectives;
using Tbrm.Objectives.Checks;

namespace Tbrm.Torch.Tests;

/// <summary>The example: as <c>algorithm.name=assembly:</c> loads it, and against its twin whose derivative is
/// written out.</summary>
public sealed class ExampleTests
{
    [Test]
    public void The_example_is_the_objective_whose_derivative_is_written_out()
    {
        JsonObject Options() => new() { ["beta"] = 0.1, ["delta"] = 5 };
        PluginType type = PluginType.Find(typeof(HuberAutogradLoss).Assembly.Location + "#Example.HuberAutogradLoss",
            typeof(IObjective), "algorithm.name");
        IObjective autograd = (IObjective)type.Create(Options());
        HuberBellmanLoss written = new(Options());
        Assert.That(new ObjectiveCheck(autograd).Run(), Has.None.Matches<CheckResult?>(c => c?.Passed == false));
        for (int seed = 1; seed <= 5; seed++)
        {
            ObjectiveBatch batch = RandomBatch.Create(seed, logits: true);
            ObjectiveResult actual = autograd.Evaluate(batch), expected = written.Evaluate(batch);
            Assert.That(actual.Loss, Is.EqualTo(expected.Loss).Within(1e-12 * expected.Loss));
            // Gradients of order one, a few roundings of fp64.
            Assert.That(actual.DQ, Is.EqualTo(expected.DQ).Within(1e-13));
            Assert.That(actual.DV, Is.EqualTo(expected.DV).Within(1e-13));
            Assert.That(actual.Residual, Is.EqualTo(expected.Residual).Within(1e-11));
        }
    }
}
