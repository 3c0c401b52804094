using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json.Nodes;

namespace Tbrm.Training.Profiles;

/// <summary>The rounds of one opponent: one step of everybody makes a round.</summary>
/// <param name="Setting">Who, at which size.</param>
/// <param name="Rounds">Its step of each round.</param>
public sealed record TimedOpponent(ProfileSetting Setting, IReadOnlyList<StepRecord> Rounds)
{
    /// <summary>Mean seconds of a phase; 0 where it has none.</summary>
    public double Mean(string phase) => Rounds.Average(r => r.Times.GetValueOrDefault(phase));

    /// <summary>Mean seconds of a step.</summary>
    public double MeanStep => Rounds.Average(r => r.Seconds);
}

/// <summary>A ratio of two times with its spread.</summary>
/// <param name="Mean">Geometric mean over the rounds.</param>
/// <param name="Low">2.5 % of the bootstrap over rounds.</param>
/// <param name="High">97.5 %.</param>
public readonly record struct Ratio(double Mean, double Low, double High)
{
    private const int Resamples = 2000;

    /// <summary>Of paired rounds: what drifts over minutes hits both.</summary>
    public static Ratio Of(IReadOnlyList<double> own, IReadOnlyList<double> other)
    {
        ArgumentNullException.ThrowIfNull(own);
        double[] logs = [.. own.Zip(other, (a, b) => Math.Log(a / b))];
        Random random = new(1);
        double[] means = new double[Resamples];
        for (int i = 0; i < Resamples; i++)
        {
            double sum = 0;
            for (int k = 0; k < logs.Length; k++)
            {
                sum += logs[random.Next(logs.Length)];
            }

            means[i] = sum / logs.Length;
        }

        Array.Sort(means);
        return new(Math.Exp(logs.Average()), Math.Exp(means[Resamples / 40]),
            Math.Exp(means[Resamples - 1 - Resamples / 40]));
    }
}

/// <summary>All that <c>profile time</c> found at one size.</summary>
/// <param name="Shape">The model.</param>
/// <param name="About">A sentence.</param>
/// <param name="Opponents">TBRM first.</param>
/// <param name="BytesPerSecond">What a copy in memory reached.</param>
public sealed record TimeProfile(string Shape, string About, IReadOnlyList<TimedOpponent> Opponents,
    double BytesPerSecond)
{
    private TimedOpponent Tbrm => Opponents[0];

    /// <summary>Operations a second that TBRM's reference pass reached, a forward and nothing else: what every phase of
    /// everybody is expected from.</summary>
    public double FlopsPerSecond => StepCost.Of(Tbrm.Setting)["ref"].Flops / Tbrm.Mean("ref");

    /// <summary>TBRM's step against an opponent's.</summary>
    public Ratio RatioTo(TimedOpponent other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Ratio.Of([.. Tbrm.Rounds.Select(r => r.Seconds)], [.. other.Rounds.Select(r => r.Seconds)]);
    }

    /// <summary>Seconds that operations and bytes let one expect.</summary>
    public double Expected(TimedOpponent of, string phase)
    {
        ArgumentNullException.ThrowIfNull(of);
        return StepCost.Of(of.Setting).TryGetValue(phase, out PhaseCost cost)
            ? cost.Seconds(FlopsPerSecond, BytesPerSecond) : 0;
    }

    /// <summary>The same of a whole step.</summary>
    public double ExpectedStep(TimedOpponent of) => PhaseRecord.Order.Sum(p => Expected(of, p));

    /// <summary>Seconds of every phase, measured (expected), and TBRM's ratio to each.</summary>
    public ProfileTable Table()
    {
        string[] phases = [.. PhaseRecord.Order.Where(p => Opponents.Any(o => o.Mean(p) > 0))];
        return new($"{Tbrm.Setting.Batch} prompts, {Tbrm.Setting.Length} response tokens",
            string.Create(CultureInfo.InvariantCulture,
                $"Mean seconds of {Tbrm.Rounds.Count} interleaved rounds, measured (expected from operations and "
                    + $"bytes, ")
            + string.Create(CultureInfo.InvariantCulture, $"at the {FlopsPerSecond / 1e9:0.0} GFLOP/s of TBRM's ")
            + string.Create(CultureInfo.InvariantCulture,
                $"reference pass and a copy's {BytesPerSecond / 1e9:0.0} GB/s). Ratio: TBRM's step over the ")
            + "opponent's, geometric mean of paired rounds with a bootstrap's 95 %.",
            ["", .. phases, "step", "TBRM / it", "95 %", "expected", "TBRM saves"],
            [.. Opponents.Select(o => (IReadOnlyList<string>)[o.Setting.Opponent.Label,
                .. phases.Select(p => o.Mean(p) > 0 ? Cell(o.Mean(p), Expected(o, p)) : ""),
                Cell(o.MeanStep, ExpectedStep(o)), .. Ratios(o)])]);
    }

    /// <summary>As an object.</summary>
    public JsonObject ToJson() => new()
    {
        ["verb"] = "profile time",
        ["shape"] = Shape,
        ["about"] = About,
        ["length"] = Tbrm.Setting.Length,
        ["batch"] = Tbrm.Setting.Batch,
        ["rounds"] = Tbrm.Rounds.Count,
        ["flops_per_s"] = FlopsPerSecond,
        ["bytes_per_s"] = BytesPerSecond,
        ["opponents"] = new JsonArray([.. Opponents.Select(o => (JsonNode)Json(o))]),
    };

    private JsonObject Json(TimedOpponent o)
    {
        Ratio ratio = RatioTo(o);
        return new()
        {
            ["name"] = o.Setting.Opponent.Name,
            ["label"] = o.Setting.Opponent.Label,
            ["seconds"] = o.MeanStep,
            ["expected_seconds"] = ExpectedStep(o),
            ["phases"] = new JsonObject(PhaseRecord.Order.Where(p => o.Mean(p) > 0).Select(p =>
                KeyValuePair.Create(p, (JsonNode?)new JsonObject
                {
                    ["seconds"] = o.Mean(p),
                    ["expected_seconds"] = Expected(o, p),
                }))),
            ["rounds"] = new JsonArray([.. o.Rounds.Select(r => (JsonNode)r.Seconds)]),
            ["tbrm_ratio"] = new JsonObject { ["mean"] = ratio.Mean, ["low"] = ratio.Low, ["high"] = ratio.High },
            ["expected_ratio"] = ExpectedStep(Tbrm) / ExpectedStep(o),
            ["tbrm_saves"] = 1 - ratio.Mean,
        };
    }

    private IEnumerable<string> Ratios(TimedOpponent o)
    {
        if (ReferenceEquals(o, Tbrm))
        {
            return ["", "", "", ""];
        }

        Ratio ratio = RatioTo(o);
        return
        [
            Text(ratio.Mean), $"{Text(ratio.Low)} to {Text(ratio.High)}",
            Text(ExpectedStep(Tbrm) / ExpectedStep(o)), ProfileTable.Percent(1 - ratio.Mean),
        ];
    }

    private static string Cell(double seconds, double expected) =>
        expected > 0 ? $"{Text(seconds)} ({Text(expected)})" : Text(seconds);

    private static string Text(double value) =>
        value.ToString(value < 0.1 ? "0.0000" : value < 10 ? "0.000" : "0.0", CultureInfo.InvariantCulture);
}
