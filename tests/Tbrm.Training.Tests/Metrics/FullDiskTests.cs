using System;
using System.IO;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Core.Files;
using Tbrm.Training.Metrics;

namespace Tbrm.Training.Tests.Metrics;

/// <summary>Files that a run appends to, on a disk that is full: one sentence with exit code 4, and nothing more when
/// they are closed. /dev/full refuses every write as a full disk does.</summary>
public sealed class FullDiskTests
{
    private const string Full = "/dev/full";

    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("tbrm-full-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    [Platform("Linux")]
    public void A_sink_says_it_once_with_exit_code_4()
    {
        string path = Path.Combine(_folder, "metrics");
        File.CreateSymbolicLink(path, Full);
        MetricSet metrics = new() { ["actor/lr"] = 0.5 };
        Func<IMetricSink>[] sinks = [() => new JsonLinesSink(path), () => new CsvSink(path)];
        foreach (Func<IMetricSink> open in sinks)
        {
            TbrmUserException error = Assert.Throws<TbrmUserException>(() =>
            {
                using IMetricSink sink = open();
                sink.Write(1, metrics);
            })!;
            Assert.That((error.ExitCode, error.Message.StartsWith($"writing {path}: ", StringComparison.Ordinal)),
                Is.EqualTo((ExitCode.OutOfMemory, true)), error.Message);
        }
    }

    /// <summary>The sentence is the command line's; here it must not become another kind of failure.</summary>
    [Test]
    [Platform("Linux")]
    public void A_file_that_is_written_as_a_whole_lets_the_full_disk_be_known()
    {
        Exception error = Assert.Catch<Exception>(() =>
        {
            using AtomicFile file = new(Full);
            file.Stream.Write(new byte[10]);
            file.Commit();
        })!;
        Assert.That(error.IsDiskFull(), Is.True, error.ToString());
    }
}
