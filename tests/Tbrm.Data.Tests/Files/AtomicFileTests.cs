using System;
using System.Diagnostics;
using System.IO;
using System.Threading.Tasks;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Core.Files;

namespace Tbrm.Data.Tests.Files;

/// <summary>What is under a name before, during and after it is written.</summary>
internal sealed class AtomicFileTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("tbrm-test-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void The_name_changes_hands_at_the_end_only()
    {
        string path = Path.Combine(_folder, "out");
        File.WriteAllText(path, "old");
        using (AtomicFile file = new(path))
        {
            file.Stream.Write("new"u8);
            Assert.That(File.ReadAllText(path), Is.EqualTo("old"));
            file.Commit();
        }

        Assert.That(File.ReadAllText(path), Is.EqualTo("new"));
        using (AtomicFile abandoned = new(path))
        {
            abandoned.Stream.Write("half"u8);
        }

        Assert.That(File.ReadAllText(path), Is.EqualTo("new"));
        Assert.That(Directory.GetFiles(_folder), Has.Length.EqualTo(1), "nothing is left beside it");
    }

    [Test]
    public void A_link_stays_a_link([Values] bool isDangling)
    {
        string target = Path.Combine(_folder, "target"), link = Path.Combine(_folder, "link");
        if (!isDangling)
        {
            File.WriteAllText(target, "old");
        }

        File.CreateSymbolicLink(link, "target");
        Write(link, "new");
        Assert.That(new FileInfo(link).LinkTarget, Is.EqualTo("target"));
        Assert.That(File.ReadAllText(target), Is.EqualTo("new"));
    }

    /// <summary>Not tried on /dev/null: a failure as root would leave the machine without one.</summary>
    [Test]
    [Platform("Linux")]
    public void What_is_no_regular_file_is_written_to_and_not_replaced()
    {
        string open = Path.Combine(_folder, "open");
        using (FileStream stream = new(open, FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            Write($"/proc/self/fd/{stream.SafeFileHandle.DangerousGetHandle()}", "through the descriptor");
        }

        Assert.That(File.ReadAllText(open), Is.EqualTo("through the descriptor"));

        string pipe = Path.Combine(_folder, "pipe");
        using (Process make = Process.Start("mkfifo", [pipe]))
        {
            make.WaitForExit();
        }

        Task<string> reader = Task.Run(() => File.ReadAllText(pipe));
        Write(pipe, "through the pipe");
        Assert.That(reader.Wait(TimeSpan.FromSeconds(30)), Is.True, "a pipe that was replaced by a file never ends");
        Assert.That(reader.Result, Is.EqualTo("through the pipe"));
    }

    [Test]
    public void Where_nothing_can_be_written_is_named_at_once()
    {
        Assert.That(() => new AtomicFile(_folder), Throws.TypeOf<DataException>().With.Message.Contains("is a folder"));
        Assert.That(() => new AtomicFile(Path.Combine(_folder, "no", "such")),
            Throws.TypeOf<DataException>().With.Message.Contains("folder does not exist"));
    }

    private static void Write(string path, string text)
    {
        using AtomicFile file = new(path);
        file.Stream.Write(System.Text.Encoding.UTF8.GetBytes(text));
        file.Commit();
    }
}
