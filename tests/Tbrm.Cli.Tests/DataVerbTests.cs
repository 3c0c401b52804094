using System;
using System.Diagnostics;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>The verb <c>data</c> as a process.</summary>
public sealed class DataVerbTests
{
    [TestCase("-")]
    [TestCase("/dev/stdin")]
    public void A_pipe_is_read_like_a_file(string name)
    {
        if (name != "-" && !OperatingSystem.IsLinux())
        {
            Assert.Ignore("a pipe has no path elsewhere");
        }

        using Process process = CommandLine.StartWithInput("data", "inspect", name, "--json", "--columns", "a");
        process.StandardInput.Write("""{"a": 1, "b": 2}""" + "\n" + """{"a": [3]}""");
        process.StandardInput.Close();
        string output = process.StandardOutput.ReadToEnd(), error = process.StandardError.ReadToEnd();
        process.WaitForExit();

        Assert.That(process.ExitCode, Is.Zero, error);
        Assert.That(output, Is.EqualTo("{\"a\":1}\n{\"a\":[3]}\n"));
    }
}
