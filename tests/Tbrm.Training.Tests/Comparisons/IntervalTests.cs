using System;
using System.Linq;
using NUnit.Framework;
using Tbrm.Training.Comparisons;

namespace Tbrm.Training.Tests.Comparisons;

public sealed class IntervalTests
{
    /// <summary>Two values have four resamples: 1, 2, 2, 3 are their means, and order statistics lie between
    /// them.</summary>
    [Test]
    public void Few_values_have_all_their_resamples()
    {
        Interval interval = Intervals.Of([1, 3]);
        Assert.That((interval.Mean, interval.Count), Is.EqualTo((2.0, 2)));
        // Quantiles 0.025 and 0.975 of four sorted means, between neighbours: 1 + 0.075 and 3 - 0.075.
        Assert.That(interval.Low, Is.EqualTo(1.075).Within(1e-12));
        Assert.That(interval.High, Is.EqualTo(2.925).Within(1e-12));
    }

    /// <summary>Of five values all 3125 resamples: the ends computed independently, by sorting them.</summary>
    [Test]
    public void Five_seeds_give_the_exact_interval()
    {
        double[] values = [0.80, 0.85, 0.90, 0.95, 0.98];
        double[] means =
            [.. from a in values from b in values from c in values from d in values from e in values select (a + b + c
            + d + e) / 5];
        Array.Sort(means);
        Interval interval = Intervals.Of(values);
        // 0.025 * 3124 = 78.1.
        Assert.That(interval.Low, Is.EqualTo(means[78] + 0.1 * (means[79] - means[78])).Within(1e-12));
        Assert.That(interval.High, Is.EqualTo(means[3045] + 0.9 * (means[3046] - means[3045])).Within(1e-12));
        Assert.That(interval.ExcludesZero);
    }

    [Test]
    public void Many_values_give_the_same_interval_every_time_around_the_mean()
    {
        double[] values = [.. Enumerable.Range(0, 40).Select(i => Math.Sin(i))];
        Interval interval = Intervals.Of(values);
        Assert.That(Intervals.Of(values), Is.EqualTo(interval));
        // The normal approximation, within a tenth of it: 10,000 resamples of 40 values.
        double half = 1.96 * Intervals.StandardError(values);
        Assert.That(interval.Mean - interval.Low, Is.EqualTo(half).Within(10).Percent);
        Assert.That(interval.High - interval.Mean, Is.EqualTo(half).Within(10).Percent);
        Assert.That(interval.ExcludesZero, Is.False);
    }

    /// <summary>Seeds differ far more than arms do: pairs show it, the arms apart do not.</summary>
    [Test]
    public void Pairs_take_out_what_seeds_have_in_common()
    {
        double[] first = [0.2, 0.5, 0.9], second = [0.25, 0.55, 0.95];
        Interval difference = Intervals.OfDifference(first, second);
        Assert.That(difference.Mean, Is.EqualTo(0.05).Within(1e-12));
        Assert.That(difference.Low, Is.EqualTo(0.05).Within(1e-12));
        Assert.That(difference.High, Is.EqualTo(0.05).Within(1e-12));
        Assert.That(() => Intervals.OfDifference(first, [1]), Throws.ArgumentException);
    }

    [Test]
    public void One_value_has_no_interval_and_none_has_no_mean()
    {
        Assert.That(Intervals.Of([0.5]), Is.EqualTo(new Interval(0.5, double.NaN, double.NaN, 1)));
        Assert.That(Intervals.Of([]).Mean, Is.NaN);
        Assert.That(Intervals.Of([0.5]).ExcludesZero, Is.False);
    }
}
