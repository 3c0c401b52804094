using System;
using System.IO;
using NUnit.Framework;
using Tbrm.Cli.Display;
using Tbrm.Training.Metrics;

namespace Tbrm.Cli.Tests;

/// <summary>The lines that a terminal shows while a run goes on, drawn over again in place.</summary>
public sealed class TerminalBlockTests : IDisposable
{
    private readonly StringWriter _output = new();
    private readonly ManualTime _time = new();

    [TearDown]
    public void Forget() => _output.GetStringBuilder().Clear();

    public void Dispose() => _output.Dispose();

    [TestCase(80)]
    [TestCase(200)]
    [TestCase(40)]
    public void Steps_numbers_and_phase_stay_in_place(int columns)
    {
        using TerminalBlock block = Block(columns);
        block.Say("run folder: runs/x");
        block.Begin(0, 60);
        for (int step = 1; step <= 12; step++)
        {
            block.Show($"step {step} rollout", 0.5, "128/256 responses, 12345 tokens");
            _time.Advance(TimeSpan.FromSeconds(10));
            block.Show($"step {step} rollout", 1, "256/256 responses, 23456 tokens");
            block.Write(step, Metrics(0.25 + 0.01 * step, step % 5 == 0 ? 0.9 - 0.001 * step : null));
        }

        TerminalScreen screen = new TerminalScreen(columns).Feed(_output.ToString());
        Assert.That(screen.Wraps, Is.Zero);
        Assert.That(screen.Rows, Has.Length.EqualTo(columns switch { 200 => 4, 80 => 5, _ => 6 }),
            string.Join('\n', screen.Rows));
        Assert.That(screen.Rows[0], Is.EqualTo("run folder: runs/x"));
        string steps = "step 12/60 [====                ] 2:00 elapsed, 8:00 left";
        Assert.That(screen.Rows[1], Is.EqualTo(steps[..Math.Min(steps.Length, columns - 1)].TrimEnd()));
        string numbers =
            "reward 0.370 (+0.010)  held-out 89.0 % (best 89.5 % at 5)  length 18  20k tokens/s  grad norm 1.5";
        Assert.That(string.Join("  ", screen.Rows[2..^1]), Is.EqualTo(numbers), "on as many lines as they need");
        Assert.That(screen.Rows[^1], Does.StartWith("step 12 rollout [====================]"));
    }

    [Test]
    public void Sentences_stay_above_and_nothing_is_left_at_the_end()
    {
        using TerminalBlock block = Block(80);
        block.Begin(0, 2);
        block.Show("warm start", 0.25, "25/100, loss 0.5");
        _time.Advance(TimeSpan.FromSeconds(30));
        block.Show("warm start", 0.5, "50/100, loss 0.4");
        Assert.That(new TerminalScreen(80).Feed(_output.ToString()).Rows[^1],
            Is.EqualTo("warm start [==========          ] 50/100, loss 0.4, 0:30 left"));
        block.Warn("step 1: the reward is 0");
        block.ShowSamples(1,
            [new("instructions that are long " + new string('x', 100) + " 12 + 34 = ?", "46\u001b[31m\nyes", 1)]);
        block.Clear();
        block.Dispose();
        block.Say("finished");
        TerminalScreen screen = new TerminalScreen(80).Feed(_output.ToString());
        Assert.That(screen.Rows, Has.Length.EqualTo(4), string.Join('\n', screen.Rows));
        Assert.That(screen.Rows[0], Is.EqualTo("warning: step 1: the reward is 0"));
        Assert.That(screen.Rows[1],
            Does.StartWith("step 1, score 1: ...").And.EndWith("12 + 34 = ?").And.Length.LessThan(80));
        Assert.That(screen.Rows[2], Is.EqualTo(@"    46\u001b[31m\nyes"));
        Assert.That(screen.Rows[3], Is.EqualTo("finished"));
    }

    [Test]
    public void Colours_are_left_out_when_asked()
    {
        using TerminalBlock plain = Block(80, isColoured: false), coloured = Block(80);
        plain.Warn("x");
        Assert.That(new TerminalScreen(80).Feed(_output.ToString()).IsColoured, Is.False);
        coloured.Warn("x");
        Assert.That(new TerminalScreen(80).Feed(_output.ToString()).IsColoured, Is.True);
    }

    /// <summary>What remains is reckoned by the steps of this process alone.</summary>
    [Test]
    public void A_resumed_run_reckons_from_where_it_goes_on()
    {
        using TerminalBlock block = Block(80);
        block.Begin(90, 100);
        _time.Advance(TimeSpan.FromSeconds(20));
        block.Write(91, Metrics(0.5, null));
        Assert.That(new TerminalScreen(80).Feed(_output.ToString()).Rows[0],
            Does.StartWith("step 91/100").And.EndWith("0:20 elapsed, 3:00 left"));
    }

    [Test]
    public void A_loss_is_better_when_it_is_smaller()
    {
        HeldOutResult? held = null;
        foreach ((long step, double loss) in new[] { (1L, 2.0), (2L, 1.0), (3L, 1.5) })
        {
            held = HeldOutResult.After(held, step, new MetricSet { ["val/loss"] = loss });
        }

        Assert.That(HeldOutResult.After(held, 4, new MetricSet())!.Text,
            Is.EqualTo("held-out loss 1.500 (best 1.000 at 2)"));
    }

    /// <summary>As checkpoints and summary have it: a value that is only reached again is no new best.</summary>
    [Test]
    public void The_first_of_equal_values_is_the_best()
    {
        HeldOutResult? held = null;
        foreach ((long step, double accuracy) in new[] { (0L, 0.02), (4L, 0.02), (8L, 0.01) })
        {
            held = HeldOutResult.After(held, step, new MetricSet { ["val-core/sums/acc/mean@1"] = accuracy });
        }

        Assert.That(held!.Text, Is.EqualTo("held-out 1.0 % (best 2.0 % at 0)"));
    }

    [TestCase(0.4, "0:00")]
    [TestCase(65, "1:05")]
    [TestCase(3725, "1:02:05")]
    [TestCase(360000, "100:00:00")]
    public void Times_are_read_as_on_a_clock(double seconds, string expected) =>
        Assert.That(BlockText.Clock(TimeSpan.FromSeconds(seconds)), Is.EqualTo(expected));

    [Test]
    public void Numbers_that_are_not_finite_are_shown_and_change_nothing()
    {
        using TerminalBlock block = Block(80);
        block.Begin(0, 2);
        block.Write(1, Metrics(double.NaN, null));
        block.Write(2, Metrics(0.5, null));
        block.Show("x", double.NaN, "y");
        Assert.That(new TerminalScreen(80).Feed(_output.ToString()).Rows[1], Does.StartWith("reward 0.500  length"));
    }

    private TerminalBlock Block(int columns, bool isColoured = true) => new(_output, () => columns, isColoured, _time);

    private static MetricSet Metrics(double reward, double? accuracy)
    {
        MetricSet metrics = new()
        {
            ["critic/score/mean"] = reward,
            ["response_length/mean"] = 17.8,
            ["perf/throughput"] = 20_400,
            ["actor/grad_norm"] = 1.5
        };
        if (accuracy is { } value)
        {
            metrics["val-core/gcd/acc/mean@1"] = value;
        }

        return metrics;
    }

    private sealed class ManualTime : TimeProvider
    {
        private long _ticks = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        public void Advance(TimeSpan time) => _ticks += time.Ticks;
    }
}
