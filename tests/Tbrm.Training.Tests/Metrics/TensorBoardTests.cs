using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using NUnit.Framework;
using Tbrm.Training.Metrics;
using Tbrm.Training.Metrics.TensorBoard;

namespace Tbrm.Training.Tests.Metrics;

public sealed class TensorBoardTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("tbrm-test-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    /// <summary>RFC 3720, appendix B.4, and the check value of the CRC catalogue.</summary>
    private static IEnumerable<TestCaseData> Vectors()
    {
        yield return new TestCaseData(Array.Empty<byte>(), 0u);
        yield return new TestCaseData(Encoding.ASCII.GetBytes("123456789"), 0xe3069283u);
        yield return new TestCaseData(new byte[32], 0x8a9136aau);
        yield return new TestCaseData(Enumerable.Repeat((byte)0xff, 32).ToArray(), 0x62a8ab43u);
        yield return new TestCaseData(Enumerable.Range(0, 32).Select(i => (byte)i).ToArray(), 0x46dd794eu);
        yield return new TestCaseData(Enumerable.Range(0, 32).Select(i => (byte)(31 - i)).ToArray(), 0x113fdb5cu);
    }

    [TestCaseSource(nameof(Vectors))]
    public void Checksums_are_those_of_the_standard(byte[] bytes, uint expected)
    {
        Assert.That(Crc32C.Compute(bytes), Is.EqualTo(expected));
        Assert.That(EventFileReader.Crc(bytes), Is.EqualTo(expected), "the test's own reader");
    }

    [Test]
    public void Checksums_of_any_length_agree_with_the_bitwise_definition([Range(0, 40)] int length)
    {
        byte[] bytes = [.. Enumerable.Range(0, length).Select(i => (byte)(i * 37 + 11))];
        Assert.That(Crc32C.Compute(bytes), Is.EqualTo(EventFileReader.Crc(bytes)));
    }

    [Test]
    public void A_file_begins_with_the_bytes_that_tensorflows_files_begin_with()
    {
        string path;
        using (TensorBoardSink sink = new(_folder, resumedStep: null, new FrozenTime()))
        {
            path = sink.Path;
        }

        // The well-known start of an event file: a record of 24 bytes, its masked checksum, then the tag of wall_time.
        byte[] file = File.ReadAllBytes(path);
        Assert.That(Convert.ToHexString(file, 0, 13), Is.EqualTo("1800000000000000A37F4B2209"));
        Assert.That(Encoding.ASCII.GetString(file, 12 + 9, 15), Is.EqualTo("\u001a\rbrain.Event:2"));
    }

    [Test]
    public void An_independent_reader_finds_tags_steps_times_and_values()
    {
        string path;
        double before = (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).TotalSeconds;
        using (TensorBoardSink sink = new(_folder, resumedStep: null))
        {
            path = sink.Path;
            sink.Write(0, Metrics(("val-core/chain_sum/acc/mean@1", 0.25)));
            sink.Write(3_000_000_000,
                Metrics(("actor/grad_norm", 1e30), ("actor/lr", -2.5e-6), ("rätsel/\u4e2d", double.NaN),
                ("x", double.NegativeInfinity)));
            Assert.That(EventFileReader.Read(path), Has.Count.EqualTo(3),
                "every step is in the file before the sink is closed");
        }

        List<EventRecord> records = EventFileReader.Read(path);
        double after = (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).TotalSeconds;
        Assert.That(Path.GetFileName(path), Does.Match(@"^events\.out\.tfevents\.\d{10}\.\d{3}\..+\.\d+$"));
        Assert.That(records[0].FileVersion, Is.EqualTo("brain.Event:2"));
        Assert.That(records.Select(r => r.WallTime), Is.Ordered);
        Assert.That(records.Select(r => r.WallTime), Is.All.InRange(before, after));
        Assert.That(records[1].Step, Is.Zero);
        Assert.That(records[1].Scalars["val-core/chain_sum/acc/mean@1"], Is.EqualTo(0.25f));
        Assert.That(records[2].Step, Is.EqualTo(3_000_000_000));
        Assert.That(records[2].Scalars, Has.Count.EqualTo(4));
        Assert.That(records[2].Scalars["actor/grad_norm"], Is.EqualTo(1e30f));
        Assert.That(records[2].Scalars["actor/lr"], Is.EqualTo(-2.5e-6f));
        Assert.That(records[2].Scalars["rätsel/\u4e2d"], Is.NaN);
        Assert.That(records[2].Scalars["x"], Is.EqualTo(float.NegativeInfinity));
        Assert.That(records.Select(r => r.SessionStatus), Is.All.Null);
    }

    [Test]
    public void A_resumed_run_has_a_file_of_its_own_that_cancels_the_later_steps()
    {
        FrozenTime time = new();
        string first, second;
        using (TensorBoardSink sink = new(_folder, resumedStep: null, time))
        {
            first = sink.Path;
            foreach (long step in new long[] { 1, 2, 3, 4 })
            {
                sink.Write(step, Metrics(("a", step)));
            }
        }

        using (TensorBoardSink sink = new(_folder, resumedStep: 2, time))
        {
            second = sink.Path;
            sink.Write(3, Metrics(("a", 30)));
        }

        Assert.That(string.CompareOrdinal(first, second), Is.Negative,
            "read in the order of the names, though made within one second");
        List<EventRecord> records = EventFileReader.Read(second);
        Assert.That(records[1].SessionStatus, Is.EqualTo(1), "SessionLog.START");
        Assert.That(records[1].Step, Is.EqualTo(3), "this step and later ones are cancelled");
        Assert.That(Curve(first, second), Is.EqualTo(new[] { (1L, 1f), (2L, 2f), (3L, 30f) }));
    }

    /// <summary>What TensorBoard shows: a session start drops what came before it and has its step or a later
    /// one.</summary>
    private static List<(long Step, float Value)> Curve(params string[] files)
    {
        List<(long Step, float Value)> curve = [];
        foreach (EventRecord record in files.SelectMany(EventFileReader.Read))
        {
            if (record.SessionStatus == 1)
            {
                curve.RemoveAll(p => p.Step >= record.Step);
            }

            curve.AddRange(record.Scalars.Values.Select(v => (record.Step, v)));
        }

        return curve;
    }

    private static MetricSet Metrics(params (string Name, double Value)[] values)
    {
        MetricSet metrics = new();
        foreach ((string name, double value) in values)
        {
            metrics[name] = value;
        }

        return metrics;
    }

    private sealed class FrozenTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddSeconds(1_700_000_000);
    }
}
