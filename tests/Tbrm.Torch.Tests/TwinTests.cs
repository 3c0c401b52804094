using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Objectives;
using Tbrm.Objectives.Checks;

namespace Tbrm.Torch.Tests;

/// <summary>Every objective of the engine against its loss differentiated by libtorch.</summary>
public sealed class TwinTests
{
    // fp64 on both sides, sums of a few dozen numbers in another order.
    private const double Rounding = 1e-11;

    private static IEnumerable<TestCaseData> Cases()
    {
        foreach ((string name, string options, Twin twin) in BellmanTwins.All(Engine))
        {
            yield return new TestCaseData(name, options, twin).SetArgDisplayNames(name, options);
        }

        foreach ((string mode, string options, Twin twin) in PolicyGradientTwins.All())
        {
            JsonObject with = (JsonObject)JsonNode.Parse(options)!;
            with["loss_mode"] = mode;
            string name = AlgorithmTable.Entries.First(e => e.LossMode == mode).Name;
            yield return new TestCaseData(name, with.ToJsonString(), twin).SetArgDisplayNames(mode, options);
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void Loss_and_gradient_are_those_of_autograd(string name, string options, AutogradObjective twin)
    {
        IObjective engine = Engine(name, options);
        for (int seed = 1; seed <= 5; seed++)
        {
            ObjectiveBatch batch = engine.Prepare(RandomBatch.Create(seed, engine.Needs.HasFlag(Needs.Logits)));
            ObjectiveResult expected = twin.Evaluate(batch), actual = engine.Evaluate(batch);
            Assert.That(actual.Loss, Is.EqualTo(expected.Loss).Within(Tolerance([expected.Loss])));
            AssertClose(actual.DQ, expected.DQ, "dQ");
            AssertClose(actual.DV, expected.DV, "dV");
            AssertClose(actual.DH, expected.DH, "dH");
            if (expected.Residual.Length > 0)
            {
                // Of a dropped trajectory the engine still says one.
                double[] own = [.. actual.Residual.Select((f, b) => batch.IsDropped(b) ? 0 : f)];
                AssertClose(own, expected.Residual, "residual");
            }
        }
    }

    /// <summary>A new objective or policy loss needs its twin here.</summary>
    [Test]
    public void Every_objective_of_the_table_has_a_twin()
    {
        HashSet<string> bellman = [.. BellmanTwins.All(Engine).Select(t => t.Name)],
            losses = [.. PolicyGradientTwins.All().Select(t => t.LossMode)];
        Assert.That(AlgorithmTable.Entries.Where(e => e.LossMode is null ? !bellman.Contains(e.Name)
            : !losses.Contains(e.LossMode)).Select(e => e.Name), Is.Empty);
    }

    private static IObjective Engine(string name, string options) =>
        AlgorithmTable.Entries.First(e => e.Name == name).Objective((JsonObject)JsonNode.Parse(options)!);

    private static void AssertClose(double[] actual, double[] expected, string what)
    {
        Assert.That(actual, Has.Length.EqualTo(expected.Length), what);
        double allowed = Tolerance(expected);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.That(actual[i], Is.EqualTo(expected[i]).Within(allowed), $"{what}[{i}]");
        }
    }

    private static double Tolerance(double[] expected) =>
        Rounding * (1 + expected.Select(Math.Abs).DefaultIfEmpty().Max());
}
