using System.Collections.Generic;
using System.IO;
using System.Linq;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>
/// Every command that a document shows is run, in this process, on files that stand in for the reader's
/// (<see cref="DocumentedScene"/>) and at a tiny size. What is not run here is listed, with what runs it.
/// </summary>
[Platform("Linux")]
public sealed class DocumentedRunTests
{
    /// <summary>How a command begins, and why it is not run here.</summary>
    private static readonly Dictionary<string, string> s_elsewhere = new()
    {
        ["theory"] = "half a minute whatever it is given: TheoryVerbTests run it as it stands",
        ["watch"] = "serves until it is stopped: WatchVerbTests",
        ["train trainer.nnodes=2"] = "needs a launcher: LauncherTests",
        ["train trainer.device=torch:cpu"] = "needs the plug-in for libtorch: TorchDeviceTests run it where it is",
        ["bench GROUP"] = "stands for the commands below it",
        ["bench 1"] = "a format's name",
        ["eval --preset ..."] = "stands for the commands of the guide of evaluation",
        ["objective check`"] = "stands for the commands of the guide of objectives",
        ["score --grader command`"] = "stands for the command of the guide of graders",
    };

    private string _folder = "";
    private DocumentedScene? _scene;

    private static IEnumerable<TestCaseData> Commands => DocumentedCommand.All
        .Where(c => !s_elsewhere.Keys.Any((c.Words + '`').StartsWith)).DistinctBy(c => string.Join(' ', c.Arguments))
        .Select((c, i) => new TestCaseData(c, i).SetArgDisplayNames(c.ToString()));

    [OneTimeSetUp]
    public void MakeScene()
    {
        _folder = CommandLine.TemporaryFolder();
        _scene = new(_folder);
    }

    [OneTimeTearDown]
    public void RemoveScene() => Directory.Delete(_folder, recursive: true);

    [TestCaseSource(nameof(Commands))]
    public void A_command_runs(DocumentedCommand command, int number)
    {
        string[] words = _scene!.Words(command, number);
        Assert.That(DocumentedScene.Invoke(words), Is.Zero, string.Join(' ', words));
        foreach (string file in words.Zip(words.Skip(1)).Where(p => p.First is "--out" or "--html" or "--init")
            .Select(p => p.Second))
        {
            Assert.That(File.Exists(file) || Directory.Exists(file), file);
        }
    }

    /// <summary>A reason without a command is of the past.</summary>
    [Test]
    public void What_is_not_run_here_is_documented() => Assert.That(
        s_elsewhere.Keys.Where(k => !DocumentedCommand.All.Any(c => (c.Words + '`').StartsWith(k))), Is.Empty);
}
