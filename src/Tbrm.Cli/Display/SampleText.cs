using System;
using System.Collections.Generic;
using System.Text;
using Tbrm.Training.Progress;

namespace Tbrm.Cli.Display;

/// <summary>Responses as lines of a terminal: score, prompt and answer, each on one line and cut to the
/// width.</summary>
internal static class SampleText
{
    public static string Of(long step, IReadOnlyList<PrintedSample> samples, int width)
    {
        StringBuilder text = new();
        foreach (PrintedSample sample in samples)
        {
            string head = FormattableString.Invariant($"step {step}, score {sample.Score:0.###}: ");
            text.Append(head).Append(Tail(VisibleText.OnOneLine(sample.Prompt), width - head.Length)).Append('\n');
            text.Append(Cut("    " + VisibleText.OnOneLine(sample.Response), width)).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>The end of a question: what its instructions begin with is the same for all.</summary>
    private static string Tail(string line, int width) => line.Length <= width ? line
        : "..." + line[^Math.Max(0, width - 3)..];

    private static string Cut(string line, int width) => line.Length <= width ? line
        : line[..Math.Max(0, width - 3)] + "...";
}
