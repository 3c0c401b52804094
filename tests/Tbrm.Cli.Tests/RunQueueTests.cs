using System.Collections.Generic;
using System.IO;
using System.Linq;
using NUnit.Framework;
using Tbrm.Cli.Comparing;
using Tbrm.Core.Errors;

namespace Tbrm.Cli.Tests;

/// <summary>What becomes of the other runs when one fails; a shell script stands for the program.</summary>
public sealed class RunQueueTests : FolderTests
{
    [TestCase(1)]
    [TestCase(3)]
    public void A_run_that_fails_is_named_and_the_others_are_made(int parallel)
    {
        List<string> ended = [], said = [];
        RunQueue queue = new(parallel, said.Add,
            Script("*bad*) echo 'tbrm-native: 3 GiB are missing' >&2; echo more >&2; exit 4;;"));
        ExitCode code = queue.Run(Runs("good-1", "bad-1", "good-2", "bad-2", "good-3"), r => ended.Add(r.Name),
            default);
        Assert.That(code, Is.EqualTo(ExitCode.Ok));
        Assert.That(ended, Is.EquivalentTo(new[] { "good-1", "bad-1", "good-2", "bad-2", "good-3" }));
        Assert.That(queue.Failures.Select(f => f.Run), Is.EquivalentTo(new[] { "bad-1", "bad-2" }));
        Assert.That(queue.Failures[0].Code, Is.EqualTo(ExitCode.OutOfMemory));
        Assert.That(queue.Failures[0].Message, Is.EqualTo("tbrm-native: 3 GiB are missing"), "not what follows it");
        Assert.That(said, Has.Exactly(2).EndsWith("; the others go on"));
        Assert.That(said.Where(line => line.Contains("3 GiB", System.StringComparison.Ordinal)),
            Has.Exactly(1).EndsWith("; the others go on"), "the same failure is told once");
    }

    [Test]
    public void A_run_that_diverged_is_no_failure_and_one_that_was_interrupted_ends_the_queue()
    {
        List<string> ended = [];
        RunQueue queue = new(1, _ => { }, Script("*nan*) exit 5;; *stopped*) exit 130;;"));
        Assert.That(queue.Run(Runs("nan", "stopped", "never"), r => ended.Add(r.Name), default),
            Is.EqualTo(ExitCode.Interrupted));
        Assert.That(ended, Is.EqualTo(new[] { "nan" }));
        Assert.That(queue.Failures, Is.Empty);
    }

    [Test]
    public void A_process_that_a_signal_ended_is_a_failure_too()
    {
        RunQueue queue = new(1, _ => { }, Script("*killed*) kill -9 $$;;"));
        Assert.That(queue.Run(Runs("killed", "after"), _ => { }, default), Is.EqualTo(ExitCode.Ok));
        Assert.That(queue.Failures.Single().Code, Is.EqualTo(ExitCode.Internal));
        Assert.That(queue.Failures.Single().Message, Does.StartWith("the process ended with 137"));
    }

    private QueuedRun[] Runs(params string[] names) =>
        [.. names.Select(n => new QueuedRun(n, Path.Combine(Folder, n), "arm.yaml", []))];

    private static string[] Script(string cases) => ["sh", "-c", $"case \"$*\" in {cases} esac", "sh"];
}
