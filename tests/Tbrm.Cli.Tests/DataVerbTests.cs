using System.Diagnostics;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>The verb <c>data</c> as a process.</summary>
public sealed class DataVerbTests
{
    [TestCase("-")]
    [TestCase("/dev/stdin", IncludePlatform = "Linux")]
    public void A_pipe_is_read_like_a_file(string name)
    {
        using Process process = CommandLine.StartWithInput("data", "inspect", name, "--json", "--columns", "a");
        process.StandardInput.Write("""{"a": 1, "b": 2}""" + "\n" + """{"a": [3]}""");
        process.StandardInput.Close();
        string output = process.StandardOutput.ReadToEnd(), error = process.StandardError.ReadToEnd();
        process.WaitForExit();

        Assert.That(process.ExitCode, Is.Zero, error);
        Assert.That(output, Is.EqualTo("{\"a\":1}\n{\"a\":[3]}\n"));
    }

    [Test]
    public void What_is_wrong_with_standard_input_is_said_of_standard_input()
    {
        using Process process = CommandLine.StartWithInput("data", "inspect", "-", "--json");
        process.StandardInput.Write("""{"a": 1}""" + "\n" + """{"a": }""");
        process.StandardInput.Close();
        string output = process.StandardOutput.ReadToEnd(), error = process.StandardError.ReadToEnd();
        process.WaitForExit();

        Assert.That(process.ExitCode, Is.EqualTo(3), output);
        Assert.That(error, Does.StartWith("tbrm-native: standard input:2: not valid JSON"));
    }
}
