using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary><c>tbrm-native export gguf</c> as its users call it.</summary>
public sealed class ExportGgufTests : FolderTests
{
    private string Model => Path.Combine(Folder, "model");

    private string Output => Path.Combine(Folder, "model.gguf");

    [SetUp]
    public void WriteModel() => TinyModel.Write(Model, tied: true);

    [Test]
    public void A_model_folder_becomes_one_file_under_either_name_of_the_verb()
    {
        Outcome outcome = CommandLine.Run("export", "gguf", "--model", Model, "--out", Output);
        Assert.That((outcome.ExitCode, outcome.Output.Trim()), Is.EqualTo((0, Output)), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("Unicode form C"));
        byte[] first = File.ReadAllBytes(Output);
        Assert.That(first.AsSpan(0, 8).ToArray(), Is.EqualTo(new byte[] { 71, 71, 85, 70, 3, 0, 0, 0 }));
        outcome = CommandLine.Run("export", "--format", "gguf", "--model", Model, "--out", Output);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(File.ReadAllBytes(Output), Is.EqualTo(first), "the same bytes again, in the older file's place");
    }

    [TestCase(2, "--out names the file", "--model", "{model}")]
    [TestCase(2, "name one model each", "--model", "{model}", "--run-dir", "x", "--out", "{out}")]
    [TestCase(2, "is a whole model, not an adapter", "--model", "{model}", "--base", "{model}", "--out", "{out}")]
    [TestCase(3, "--model none: there is no such folder", "--model", "none", "--out", "{out}")]
    [TestCase(3, "its folder does not exist", "--model", "{model}", "--out", "{out}/a/b.gguf")]
    public void What_does_not_fit_is_refused(int exitCode, string message, params string[] arguments)
    {
        Outcome outcome = CommandLine.Run(["export", "gguf", .. arguments.Select(a =>
            a.Replace("{model}", Model, StringComparison.Ordinal).Replace("{out}", Output, StringComparison.Ordinal))]);
        Assert.That((outcome.ExitCode, outcome.Output), Is.EqualTo((exitCode, "")), outcome.Error);
        Assert.That(outcome.Error, Does.Contain(message));
        Assert.That(File.Exists(Output), Is.False);
    }

    [Test]
    [Platform("Linux")]
    public void A_full_disk_is_exit_code_4_and_leaves_nothing()
    {
        string program = Path.Combine(AppContext.BaseDirectory, "tbrm-native.dll");
        ProcessStartInfo start = new("bash") { RedirectStandardError = true, RedirectStandardOutput = true };
        // The runtime's double mapping of code takes a large file of its own.
        start.Environment["DOTNET_EnableWriteXorExecute"] = "0";
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(
            $"ulimit -f 10; exec dotnet '{program}' export gguf --model '{Model}' --dtype f32 --out '{Output}'");
        using Process process = Process.Start(start)!;
        _ = process.StandardOutput.ReadToEndAsync();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.EqualTo(4), error);
        Assert.That(error, Does.Contain("too large"));
        Assert.That(Directory.GetFiles(Folder), Is.Empty);
    }
}
