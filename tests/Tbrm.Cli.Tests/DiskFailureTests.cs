using System.Diagnostics;
using System.IO;
using NUnit.Framework;
using Tbrm.Core.Files;

namespace Tbrm.Cli.Tests;

/// <summary>A disk that refuses is an error with a sentence; what was saved before stays.</summary>
public sealed class DiskFailureTests : FolderTests
{
    [Test]
    [Platform("Linux")]
    public void A_file_that_passes_the_limit_of_its_size_is_exit_code_4()
    {
        string program = Path.Combine(System.AppContext.BaseDirectory, "tbrm-native.dll"),
            run = Path.Combine(Folder, "run");
        ProcessStartInfo start = new("bash") { RedirectStandardError = true, RedirectStandardOutput = true };
        // The runtime's double mapping of code takes a large file of its own.
        start.Environment["DOTNET_EnableWriteXorExecute"] = "0";
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(
            $"ulimit -f 100; exec dotnet '{program}' train --run-dir '{run}' {string.Join(' ', CommandLine.Tiny)} "
                + $"trainer.total_training_steps=2");
        using Process process = Process.Start(start)!;
        _ = process.StandardOutput.ReadToEndAsync();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.EqualTo(4), error);
        Assert.That(error, Does.Contain("File too large"));
    }

    /// <summary>The runtime asks for the room of a whole text at once, and its exception has no errno then.</summary>
    [TestCase("Failed to create '/full/rows.jsonl.tmp' with allocation size '25411' because the disk was full.", 0,
        true)]
    [TestCase("No space left on device", 28, true)]
    [TestCase("Read-only file system", 30, false)]
    [TestCase("Input/output error", 5, false)]
    public void A_full_disk_is_told_from_other_failures(string message, int errno, bool isFull) =>
        Assert.That((errno == 0 ? new IOException(message) : new IOException(message, errno)).IsDiskFull(),
            Is.EqualTo(isFull));

    [Test]
    public void What_cannot_be_synced_by_its_nature_is_left_alone_and_files_and_folders_are_synced()
    {
        string file = Path.Combine(Folder, "file");
        using (FileStream stream = File.Create(file))
        {
            stream.WriteByte(1);
            DiskSync.Sync(stream);
        }

        DurableFiles.SyncFolder(Folder);
        DurableFiles.ReplaceText(file, "new");
        Assert.That(File.ReadAllText(file), Is.EqualTo("new"));
        Assert.That(Directory.GetFiles(Folder), Has.Length.EqualTo(1));
        if (File.Exists("/dev/null"))
        {
            using FileStream device = new("/dev/null", FileMode.Open, FileAccess.Write);
            Assert.That(() => DiskSync.Sync(device), Throws.Nothing);
        }
    }

}
