using System;
using System.Globalization;
using System.IO;
using System.Linq;
using Tbrm.Engine.Checkpoint;

namespace Tbrm.Training.Metrics.TensorBoard;

/// <summary>
/// TensorBoard event files, a new one for each process that works on the run: tags are metric names, steps are training
/// steps. The file of
/// a resumed run begins with a session start, upon which TensorBoard drops what an earlier file holds of that step and
/// later.
/// </summary>
public sealed class TensorBoardSink : IMetricSink
{
    private readonly FileStream _file;
    private readonly TimeProvider _time;

    /// <summary>Creates the folder and a file in it. <paramref name="resumedStep"/>: the last step that still holds;
    /// null for a new run.</summary>
    public TensorBoardSink(string folder, long? resumedStep, TimeProvider? time = null)
    {
        _time = time ?? TimeProvider.System;
        FileStream? file = null;
        DiskErrors.Translated($"creating an event file in {folder}", () =>
        {
            Directory.CreateDirectory(folder);
            file = Create(folder);
        });
        _file = file!;
        Append(EventMessage.Version(WallTime));
        if (resumedStep is { } step)
        {
            Append(EventMessage.Start(WallTime, step + 1));
        }
    }

    /// <summary>The file that this process writes.</summary>
    public string Path => _file.Name;

    /// <inheritdoc/>
    public void Write(long step, MetricSet metrics) => Append(EventMessage.Scalars(WallTime, step, metrics));

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private double WallTime => (_time.GetUtcNow() - DateTimeOffset.UnixEpoch).TotalSeconds;

    /// <summary>
    /// TensorBoard reads files in the order of their names, which therefore begin with the time; the counter tells
    /// apart what was made within
    /// one second.
    /// </summary>
    private FileStream Create(string folder)
    {
        long seconds = _time.GetUtcNow().ToUnixTimeSeconds();
        string host = string.Concat(
            Environment.MachineName.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' ? c : '_'));
        for (int attempt = 0; ; attempt++)
        {
            string stem = string.Create(
                CultureInfo.InvariantCulture, $"events.out.tfevents.{seconds:D10}.{attempt:D3}.");
            if (!Directory.EnumerateFiles(folder, stem + "*").Any())
            {
                string path = System.IO.Path.Combine(
                    folder, string.Create(CultureInfo.InvariantCulture, $"{stem}{host}.{Environment.ProcessId}"));
                return new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
            }
        }
    }

    private void Append(byte[] message) => DiskErrors.Translated($"writing {_file.Name}", () =>
    {
        RecordWriter.Write(_file, message);
        _file.Flush();
    });
}
