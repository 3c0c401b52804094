using System;
using System.IO;
using Tbrm.Core.Config;
using Tbrm.Training.Metrics;
using Tbrm.Training.Progress;

namespace Tbrm.Cli.Display;

/// <summary>What <c>trainer.console</c> selects: where people watch a run, and whether verl's line per step is
/// written.</summary>
/// <param name="Progress">Sentences and phases.</param>
/// <param name="Block">The block, where there is one; it is <paramref name="Progress"/>.</param>
/// <param name="Lines">Where verl's lines go; null: nowhere.</param>
internal sealed record RunDisplay(IProgressDisplay Progress, TerminalBlock? Block, TextWriter? Lines) : IDisposable
{
    /// <summary>A further sink of metrics; null for none.</summary>
    public IMetricSink? Sink => Block;

    /// <summary>Chooses by configuration and by what stderr and stdout are.</summary>
    public static RunDisplay Of(TrainerConfig trainer)
    {
#pragma warning disable CA2000 // stdout stays open to the end of the process; the block is the record's.
        bool isWatched = !Console.IsErrorRedirected
            && Environment.GetEnvironmentVariable("TERM") is { Length: > 0 } and not "dumb";
        bool hasLines = trainer.Console switch
        {
            "verl" => true,
            "auto" => Console.IsOutputRedirected || !isWatched,
            _ => false
        };
        TextWriter? lines = hasLines ? BestEffortWriter.StandardOutput() : null;
        // Lines on the same terminal would push the block away at every step.
        if (trainer.Console == "quiet")
        {
            return new(new QuietProgress(Terminal.RawError), null, lines);
        }

        if (!isWatched || (hasLines && !Console.IsOutputRedirected))
        {
            return new(new TerminalProgress(Terminal.RawError, isWatched), null, lines);
        }

        TerminalBlock block =
            new(Terminal.RawError, Terminal.Width, Terminal.HasColours, TimeProvider.System);
        return new(block, block, lines);
#pragma warning restore CA2000
    }

    public void Dispose() => Block?.Dispose();
}
