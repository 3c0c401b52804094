using System;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Objectives.Bellman;
using Tbrm.Objectives.Checks;
using Tbrm.Objectives.Rows;

namespace Tbrm.Objectives.Tests;

/// <summary>An objective from outside: examples/objective, through the door that users have.</summary>
public sealed class PluginTests
{
    private static readonly string s_assembly =
        Path.Combine(AppContext.BaseDirectory.Replace(
        "Tbrm.Objectives.Tests", "HuberBellman", StringComparison.Ordinal), "HuberBellman.dll");

    private static RunConfig Config(string name, params (string Name, string Value)[] options) => new()
    {
        Algorithm = new() { Name = name, Options = options.ToDictionary(o => o.Name, o => o.Value) },
    };

    [Test]
    public void The_example_holds_every_check()
    {
        IObjective objective =
            AlgorithmSelection.Of(Config(
            $"assembly:{s_assembly}#Example.HuberBellmanLoss", ("beta", "0.1"), ("delta", "5"))).Objective;
        Assert.That(new ObjectiveCheck(objective).Run().Where(r => r.Passed != true), Is.Empty);
    }

    [Test]
    public void With_a_wide_delta_the_example_is_half_of_TBRM()
    {
        ObjectiveBatch batch = Batches.Random(3);
        JsonObject options = new() { ["delta"] = 1e7 };
        ObjectiveResult own = AlgorithmTable.Find($"assembly:{s_assembly}").Objective(options)
            .Evaluate(batch), tbrm = new TbrmObjective(0.002).Evaluate(batch);
        // sqrt(1 + x) - 1 with x of 1e-9 keeps seven digits.
        Assert.That(own.Loss, Is.EqualTo(tbrm.Loss / 2).Within(1e-6 * tbrm.Loss));
    }

    [Test]
    public void A_row_may_name_it()
    {
        JsonObject row = (JsonObject)JsonNode.Parse(
            """{"Q": [[1.0]], "V": [[2.0]], "ref_logp": [[-1.0]], "rewards": [0]}""")!;
        row["algorithm"] = $"assembly:{s_assembly}#Example.HuberBellmanLoss";
        JsonObject answer = ObjectiveRow.Evaluate(row, "row 1");
        Assert.That((double)answer["residual"]![0]!, Is.EqualTo(2));
    }

    [TestCase("assembly:nowhere.dll#A.B", "there is no such assembly")]
    [TestCase("assembly:#A.B", "expected FILE.dll#Namespace.Class")]
    [TestCase("assembly:{0}#Example.Nothing",
        "there is no type Example.Nothing that implements Tbrm.Objectives.IObjective")]
    public void What_cannot_be_loaded_is_said(string name, string expected)
    {
        ConfigException e = Assert.Throws<ConfigException>(
            () => AlgorithmSelection.Of(Config(name.Replace("{0}", s_assembly, StringComparison.Ordinal))))!;
        Assert.That(e.Message, Does.Contain(expected));
    }

    [Test]
    public void An_option_that_it_has_not_is_refused_by_name()
    {
        ConfigException e = Assert.Throws<ConfigException>(
            () => AlgorithmSelection.Of(Config($"assembly:{s_assembly}", ("detla", "1"))))!;
        Assert.That(e.Message, Does.Contain("did you mean 'delta'?"));
    }
}
