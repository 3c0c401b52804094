using System;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Tests;

public sealed class ComputedOnTests
{
    [TestCase("""{"device":"cpu","threads":2,"isa":"avx2","memory_bytes":1}""", "cpu avx2")]
    [TestCase("""{"device":"cuda","ordinal":1,"name":"X 200","compute_capability":"9.0","driver":"12.4"}""",
        "cuda X 200 9.0")]
    public void What_decides_bits_is_taken_from_the_devices_description(string description, string expected) =>
        Assert.That(ComputedOn.Now(RunState.Train, 3, description).Device, Is.EqualTo(expected));

    [Test]
    public void Of_several_ranks_their_number_decides_too()
    {
        const string torch = """{"device":"torch:cpu","libtorch":"1.13.0","plug_in":"x","threads":2,"isa":"avx2"}""";
        Assert.That(ComputedOn.Now(RunState.Train, 3, torch, ranks: 4, zeroStage: 2).Device,
            Does.StartWith("4 ranks of ").And.EndWith(" that share gradients"));
        Assert.That(ComputedOn.Now(RunState.Train, 3, torch, ranks: 4, zeroStage: 1).Device,
            Is.EqualTo("4 ranks of torch:cpu 1.13.0 avx2"));
    }

    [Test]
    public void The_history_grows_only_where_something_changes_and_survives_a_checkpoint()
    {
        ComputedOn first = new(RunState.Train, 0, "cpu avx2", "1"), same = first with { AfterStep = 4 },
            other = same with { Device = "cpu scalar" };
        Assert.That(ComputedOn.Continued([], first), Is.EqualTo(new[] { first }));
        Assert.That(ComputedOn.Continued([first], same), Is.EqualTo(new[] { first }));
        Assert.That(ComputedOn.Continued([first], other), Is.EqualTo(new[] { first, other }));
        JsonArray written = [.. new[] { first, other }.Select(c => (JsonNode)c.ToJson())];
        Assert.That(ComputedOn.FromJson(JsonNode.Parse(written.ToJsonString())), Is.EqualTo(new[] { first, other }));
        Assert.That(() => ComputedOn.FromJson(JsonNode.Parse("""[{"phase":"train"}]""")),
            Throws.InstanceOf<FormatException>());
    }

    [Test]
    public void A_change_is_told_with_both_names()
    {
        ComputedOn first = new(RunState.Train, 0, "cpu avx2", "1");
        Assert.That(ComputedOn.Change([], first), Is.Null);
        Assert.That(ComputedOn.Change([first], first with { AfterStep = 9 }), Is.Null);
        Assert.That(ComputedOn.Change([first], first with { Device = "cpu scalar" }),
            Does.Contain("cpu avx2").And.Contain("cpu scalar"));
        Assert.That(ComputedOn.Change([first], first with { Version = "2" }),
            Does.Contain("version 1").And.Contain("2"));
    }
}
