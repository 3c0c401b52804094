using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary><c>tbrm-native theory</c> as its users call it.</summary>
public sealed class TheoryVerbTests
{
    [Test]
    public void Theory_prints_one_object_and_writes_a_page()
    {
        string folder = CommandLine.TemporaryFolder(), page = Path.Combine(folder, "new", "theory.html");
        Outcome outcome = CommandLine.Run("theory", "--json", "--html", page);
        Assert.That((outcome.ExitCode, outcome.Error), Is.EqualTo((0, "")));
        JsonObject results = JsonNode.Parse(outcome.Output)!.AsObject();
        Assert.That(results.Select(p => p.Key),
            Is.EqualTo(new[] { "convergence", "adam", "horizon", "two_members", "coverage",
            "staleness" }));
        Assert.That(results["convergence"]!.AsArray().Select(r => (double)r!["kl_after"]!), Has.All.LessThan(1e-9));
        Assert.That(File.ReadAllText(page),
            Does.StartWith("<!doctype html>").And.Contain("Suboptimality against concentrability"));
        Assert.That(CommandLine.Run("theory", "--html", folder).ExitCode, Is.EqualTo(2), "a folder is no file");
        Directory.Delete(folder, recursive: true);
    }
}
