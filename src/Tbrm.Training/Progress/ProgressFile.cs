using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Text.Json.Nodes;
using Tbrm.Core.Files;

namespace Tbrm.Training.Progress;

/// <summary>
/// Passes everything on, and keeps the phase of a long wait in progress.json of the run folder for those who watch from
/// outside: {phase, fraction, detail, done, total, at}. It is there while a phase is; a run of a few seconds never
/// writes it. What goes
/// wrong with it is no reason to stop a run.
/// </summary>
public sealed class ProgressFile(IProgressDisplay inner, string folder, TimeSpan interval) : IProgressDisplay
{
    private readonly string _path = PathIn(folder);
    private readonly Stopwatch _since = Stopwatch.StartNew();
    private long _done, _total;
    private bool _exists = true; // a killed run may have left one

    /// <summary>As runs write it: every two seconds.</summary>
    public ProgressFile(IProgressDisplay inner, string folder) : this(inner, folder, TimeSpan.FromSeconds(2))
    {
    }

    /// <summary>Where the file is.</summary>
    public static string PathIn(string folder) => Path.Combine(folder, "progress.json");

    /// <inheritdoc/>
    public void Begin(long done, long total)
    {
        (_done, _total) = (done, total);
        inner.Begin(done, total);
    }

    /// <inheritdoc/>
    public void Say(string message) => inner.Say(message);

    /// <inheritdoc/>
    public void Warn(string message) => inner.Warn(message);

    /// <inheritdoc/>
    public void ShowSamples(long step, IReadOnlyList<PrintedSample> samples) => inner.ShowSamples(step, samples);

    /// <inheritdoc/>
    public void Show(string phase, double fraction, string detail)
    {
        inner.Show(phase, fraction, detail);
        if (_since.Elapsed >= interval)
        {
            _since.Restart();
            Write(new()
            {
                ["phase"] = phase,
                ["fraction"] = fraction,
                ["detail"] = detail,
                ["done"] = _done,
                ["total"] = _total,
                ["at"] = DateTimeOffset.UtcNow.ToUnixTimeSeconds(),
            });
        }
    }

    /// <inheritdoc/>
    public void Clear()
    {
        inner.Clear();
        if (_exists)
        {
            _exists = false;
            Try(() => File.Delete(_path));
        }
    }

    private void Write(JsonObject state) => Try(() =>
    {
        // A reader sees the old text or the new one. Not synced: it is worth nothing after a crash.
        File.WriteAllText(_path + ".tmp", state.ToJsonString());
        File.Move(_path + ".tmp", _path, overwrite: true);
        _exists = true;
    });

    private static void Try(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException || e.IsDiskFull())
        {
        }
    }
}
