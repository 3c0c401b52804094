using System;
using System.Collections.Generic;
using System.IO;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Training.Progress;

namespace Tbrm.Training.Tests;

/// <summary>progress.json: there while a phase is, and never a reason to stop.</summary>
public sealed class ProgressFileTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("tbrm-test-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void It_holds_the_phase_and_goes_with_it()
    {
        Recorder inner = new();
        ProgressFile progress = new(inner, _folder, TimeSpan.Zero);
        progress.Begin(3, 10);
        progress.Show("warm start", 0.25, "step 5 of 20");
        JsonObject state = JsonNode.Parse(File.ReadAllText(ProgressFile.PathIn(_folder)))!.AsObject();
        Assert.That((string?)state["phase"], Is.EqualTo("warm start"));
        Assert.That((double?)state["fraction"], Is.EqualTo(0.25));
        Assert.That((string?)state["detail"], Is.EqualTo("step 5 of 20"));
        Assert.That(((int?)state["done"], (int?)state["total"]), Is.EqualTo((3, 10)));
        progress.Clear();
        Assert.That(Directory.EnumerateFileSystemEntries(_folder), Is.Empty);
        Assert.That(inner.Calls, Is.EqualTo(new[] { "begin", "show", "clear" }));
    }

    [Test]
    public void A_short_wait_writes_nothing()
    {
        ProgressFile progress = new(new Recorder(), _folder, TimeSpan.FromHours(1));
        progress.Show("evaluation", 0.5, "");
        Assert.That(Directory.EnumerateFileSystemEntries(_folder), Is.Empty);
    }

    [Test]
    public void What_a_killed_run_left_goes_at_the_end_of_the_first_phase()
    {
        File.WriteAllText(ProgressFile.PathIn(_folder), "{}");
        new ProgressFile(new Recorder(), _folder).Clear();
        Assert.That(Directory.EnumerateFileSystemEntries(_folder), Is.Empty);
    }

    [Test]
    public void A_folder_that_cannot_be_written_is_no_reason_to_stop()
    {
        Recorder inner = new();
        ProgressFile progress = new(inner, Path.Combine(_folder, "gone"), TimeSpan.Zero);
        progress.Show("evaluation", 0.5, "");
        progress.Clear();
        Assert.That(inner.Calls, Is.EqualTo(new[] { "show", "clear" }));
    }

    private sealed class Recorder : IProgressDisplay
    {
        public List<string> Calls { get; } = [];

        public void Begin(long done, long total) => Calls.Add("begin");

        public void Say(string message) => Calls.Add("say");

        public void Warn(string message) => Calls.Add("warn");

        public void Show(string phase, double fraction, string detail) => Calls.Add("show");

        public void ShowSamples(long step, IReadOnlyList<PrintedSample> samples) => Calls.Add("samples");

        public void Clear() => Calls.Add("clear");
    }
}
