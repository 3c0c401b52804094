using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Tbrm.Training.Metrics;

namespace Tbrm.Cli.Display;

/// <summary>The words and numbers of the block that a terminal shows while a run goes on; no cursor, no
/// colours.</summary>
internal static class BlockText
{
    private const int BarWidth = 20;

    /// <summary><c>step 12/60 [====      ] 0:43 elapsed, 1:52 left</c>.</summary>
    public static string Steps(long step, long total, TimeSpan elapsed, TimeSpan? left) =>
        string.Create(CultureInfo.InvariantCulture,
            $"step {step}/{total} {Bar(total == 0 ? 1 : (double)step / total)} {Clock(elapsed)} "
                + $"elapsed{(left is { } time ? $", {Clock(time)} left" : "")}");

    /// <summary>The state of a phase.</summary>
    public static string Phase(string phase, double fraction, string detail, TimeSpan? left) =>
        $"{phase} {Bar(fraction)} {detail}{(left is { } time ? $", {Clock(time)} left" : "")}";

    /// <summary>The numbers of a step that people look for, most wanted first; those that the metrics do not have are
    /// left out.</summary>
    /// <param name="now">The last step's.</param>
    /// <param name="before">The one's before, for the change; null when there is none.</param>
    /// <param name="heldOut">The last evaluation; null before the first.</param>
    public static IEnumerable<string> Numbers(MetricSet now, MetricSet? before, HeldOutResult? heldOut)
    {
        if (now.Find("critic/score/mean") is { } score)
        {
            yield return Number("reward", score, before?.Find("critic/score/mean"));
        }
        else if (now.Find("train/loss") is { } loss)
        {
            yield return Number("loss", loss, before?.Find("train/loss"));
        }

        if (heldOut is not null)
        {
            yield return heldOut.Text;
        }

        if (now.Find("response_length/mean") is { } length)
        {
            yield return FormattableString.Invariant($"length {length:F0}");
        }

        if (now.Find("perf/throughput") is { } throughput)
        {
            yield return $"{Short(throughput)} tokens/s";
        }

        if (now.Find("actor/grad_norm") is { } norm)
        {
            yield return FormattableString.Invariant($"grad norm {norm:G3}");
        }
    }

    /// <summary>The pieces on as many lines of a width as they need; none is broken.</summary>
    public static IEnumerable<string> Wrapped(IEnumerable<string> pieces, int width)
    {
        string line = "";
        foreach (string piece in pieces)
        {
            string longer = line.Length == 0 ? piece : line + "  " + piece;
            if (line.Length > 0 && longer.Length > width)
            {
                yield return line;
                longer = piece;
            }

            line = longer;
        }

        if (line.Length > 0)
        {
            yield return line;
        }
    }

    /// <summary><c>0:43</c>, <c>12:05</c>, <c>3:00:12</c>.</summary>
    public static string Clock(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}")
        : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:00}");

    /// <summary>What remains of a phase at its speed so far; null while nothing can be known.</summary>
    public static TimeSpan? Left(TimeSpan elapsed, double fraction) =>
        fraction is > 0 and < 1 && elapsed.TotalSeconds >= 1
            ? TimeSpan.FromSeconds(Math.Min(elapsed.TotalSeconds * (1 - fraction) / fraction, 3.6e6)) : null;

    private static string Bar(double fraction)
    {
        int filled = double.IsNaN(fraction) ? 0 : (int)(Math.Clamp(fraction, 0, 1) * BarWidth);
        return $"[{new string('=', filled)}{new string(' ', BarWidth - filled)}]";
    }

    private static string Number(string name, double value, double? before) =>
        FormattableString.Invariant($"{name} {value:F3}")
        + (before is { } old && double.IsFinite(value - old)
            ? FormattableString.Invariant($" ({(value - old < 0 ? '-' : '+')}{Math.Abs(value - old):F3})") : "");

    private static string Short(double number) => number switch
    {
        >= 1e6 => FormattableString.Invariant($"{number / 1e6:F1}M"),
        >= 1e4 => FormattableString.Invariant($"{number / 1e3:F0}k"),
        >= 1e3 => FormattableString.Invariant($"{number / 1e3:F1}k"),
        _ => FormattableString.Invariant($"{number:F0}"),
    };
}

/// <summary>The last evaluation of a run and its best.</summary>
/// <param name="Step">When.</param>
/// <param name="Value">Accuracy in [0, 1], or a loss.</param>
/// <param name="BestStep">The step of the best.</param>
/// <param name="Best">The best value.</param>
/// <param name="IsLoss">A loss in nats per token.</param>
internal sealed record HeldOutResult(long Step, double Value, long BestStep, double Best, bool IsLoss)
{
    /// <summary><c>held-out 92.9 % (best 93.7 % at 30)</c>.</summary>
    public string Text => $"held-out {(IsLoss ? "loss " : "")}{Shown(Value)}"
        + (BestStep == Step ? "" : FormattableString.Invariant($" (best {Shown(Best)} at {BestStep})"));

    /// <summary>Takes in the metrics of a step; the same result where it was not evaluated.</summary>
    public static HeldOutResult? After(HeldOutResult? last, long step, MetricSet metrics)
    {
        string[] cores = [.. metrics.Names.Where(n => n.StartsWith("val-core/", StringComparison.Ordinal))];
        bool isLoss = cores.Length == 0;
        double? value = isLoss ? metrics.Find("val/loss") : cores.Average(n => metrics[n]);
        if (value is not { } now)
        {
            return last;
        }

        bool isBest = last is null || last.IsLoss != isLoss || (isLoss ? now < last.Best : now > last.Best);
        return new(step, now, isBest ? step : last!.BestStep, isBest ? now : last!.Best, isLoss);
    }

    private string Shown(double value) => IsLoss ? value.ToString("F3", CultureInfo.InvariantCulture)
        : FormattableString.Invariant($"{100 * value:F1} %");
}
