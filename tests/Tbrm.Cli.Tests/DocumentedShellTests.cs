using System.Linq;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>
/// Every command that a document shows is of a kind that is known, and what it names is there. The program's own are
/// run by <see cref="DocumentedRunTests"/>, build.sh's by <see cref="BuildScriptTests"/>, those behind a launcher by
/// <see cref="LauncherTests"/>, projects by <see cref="DocumentedProgramTests"/>, scripts by .ci/run.
/// </summary>
public sealed class DocumentedShellTests
{
    [Test]
    public void Every_line_of_a_block_is_a_command_or_known_to_be_none()
    {
        Assert.That(ShellLine.All, Has.Count.GreaterThan(100));
        Assert.That(ShellLine.Unknown, Is.Empty, "a rule is missing (ShellLine, ShellRules)");
        Assert.That(ShellLine.Past, Is.Empty, "no document has such a block");
    }

    [Test]
    public void Every_command_names_what_is_there() =>
        Assert.That(ShellLine.All.SelectMany(ShellRules.Check), Is.Empty);

    /// <summary>What the rules are for: each of these is refused.</summary>
    [TestCase("kubectl apply -f job.yaml")]
    [TestCase("tbrm-native trian")]
    [TestCase("dotnet run --project bench/Tbrm.Bench.Torch -c Release -- layer=4")]
    [TestCase("dotnet run --project examples/library -c Release -- trainer.run_dirs=x")]
    [TestCase("dotnet run --project tests/Tbrm.Nothing -c Release")]
    [TestCase("dotnet test tests/Tbrm.Fuzz.Tests -c Debug")]
    [TestCase("dotnet tool update --global tbrm-native")]
    [TestCase("dotnet watch")]
    [TestCase("cmake --preset mips")]
    [TestCase("ctest --preset mips")]
    [TestCase("podman build -f Dockerfile -t tbrm-native .")]
    [TestCase("artifacts/native/cpu/bench/bench_nothing")]
    [TestCase("artifacts/native/cpu/bench/bench_head_torch row=1024")]
    [TestCase("bench/nothing.sh")]
    [TestCase("cmake/compile-nothing.sh")]
    [TestCase("TBRM_NOTHING=1 .ci/faults 8")]
    public void What_is_not_there_is_found(string line) =>
        Assert.That(ShellRules.Check(new("here", line)), Is.Not.Empty);
}
