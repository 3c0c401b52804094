using System;
using System.Diagnostics;
using System.IO;
using System.Net.Http;
using System.Threading.Tasks;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>The verb watch as a process: its address, its end, what it refuses.</summary>
public sealed class WatchVerbTests
{
    [Test]
    public async Task It_prints_an_address_that_answers_and_ends_with_Ctrl_C()
    {
        string folder = CommandLine.TemporaryFolder();
        using Process process = CommandLine.Start("watch", folder);
        Task<string> error = process.StandardError.ReadToEndAsync();
        try
        {
            string address = (await process.StandardOutput.ReadLineAsync())!;
            using HttpClient client = new();
            Assert.That(await client.GetStringAsync(new Uri(address)),
                Does.Contain("<title>tbrm-native watch</title>"));
            using Process kill = Process.Start("kill", ["-INT", $"{process.Id}"]);
            await process.WaitForExitAsync();
            Assert.That(process.ExitCode, Is.Zero, await error);
        }
        finally
        {
            process.Kill();
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public void A_folder_that_is_not_there_is_named()
    {
        Outcome outcome = CommandLine.Run("watch", "no-such-run");
        Assert.That(outcome.ExitCode, Is.EqualTo(3));
        Assert.That(outcome.Error, Does.Contain("no-such-run"));
    }

    [TestCase("-1")]
    [TestCase("65536")]
    public void A_port_out_of_range_is_refused(string port)
    {
        Outcome outcome = CommandLine.Run("watch", "--port=" + port);
        Assert.That(outcome.ExitCode, Is.EqualTo(2));
        Assert.That(outcome.Error, Does.Contain(port));
    }
}
