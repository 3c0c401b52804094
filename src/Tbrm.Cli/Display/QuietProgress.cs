using System.Collections.Generic;
using System.IO;
using Tbrm.Training.Progress;

namespace Tbrm.Cli.Display;

/// <summary>Warnings alone.</summary>
internal sealed class QuietProgress(TextWriter error) : IProgressDisplay
{
    public void Begin(long done, long total)
    {
    }

    public void Say(string message)
    {
    }

    public void Warn(string message) => error.WriteLine("warning: " + VisibleText.Of(message));

    public void Show(string phase, double fraction, string detail)
    {
    }

    public void ShowSamples(long step, IReadOnlyList<PrintedSample> samples)
    {
    }

    public void Clear()
    {
    }
}
