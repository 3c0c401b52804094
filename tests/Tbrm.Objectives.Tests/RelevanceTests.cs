using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Objectives.Estimators;
using Tbrm.Objectives.PolicyGradient;

namespace Tbrm.Objectives.Tests;

/// <summary>The algorithms that a key's condition names in words are those of the table with the property that it
/// speaks of.</summary>
public sealed partial class RelevanceTests
{
    private static readonly (string Phrase, Func<Algorithm, bool> Has)[] s_properties =
    [
        ("has a fused kernel", a => a.Objective([]).Fused is not null),
        ("has a critic", a => a.AdvEstimator is { } estimator && NeedsValues(estimator)),
        ("per sequence also with", a => a.CanWeigh && !a.IsPolicyGradient),
        ("algorithm.name is", a => a.Section == "algorithm.tbrm."),
    ];

    private static IReadOnlyList<string> Conditions { get; } = [.. typeof(RunConfig).Assembly.GetTypes()
        .Where(t => t.Namespace == typeof(RunConfig).Namespace)
        .SelectMany(t => t.GetProperties())
        .Select(p => p.GetCustomAttribute<RelevantWhenAttribute>()?.Condition).OfType<string>().Distinct()];

    [Test]
    public void Conditions_name_the_algorithms_that_have_the_property()
    {
        foreach ((string phrase, Func<Algorithm, bool> has) in s_properties)
        {
            string[] conditions = [.. Conditions.Where(c => c.Contains(phrase))];
            Assert.That(conditions, Is.Not.Empty, phrase);
            foreach (string condition in conditions)
            {
                string tail = condition[(condition.IndexOf(phrase, StringComparison.Ordinal) + phrase.Length)..];
                Assert.That(Words(tail).Where(AlgorithmTable.Names.Contains),
                    Is.EquivalentTo(AlgorithmTable.Entries.Where(has).Select(e => e.Name)), condition);
            }
        }
    }

    [Test]
    public void Conditions_on_an_algorithm_an_estimator_or_a_loss_name_one_that_there_is()
    {
        string[] algorithms = [.. Conditions.Where(c => c.StartsWith("algorithm.name=", StringComparison.Ordinal))];
        Assert.That(algorithms, Is.Not.Empty);
        Assert.That(algorithms.Select(c => c["algorithm.name=".Length..]).Distinct(),
            Is.SubsetOf(AlgorithmTable.Names));
        string[] estimators = [.. Conditions.Where(c => c.StartsWith("the estimator is ", StringComparison.Ordinal))];
        Assert.That(estimators, Is.Not.Empty);
        Assert.That(estimators.SelectMany(c => Words(c["the estimator is ".Length..])).Where(w => w != "or").Distinct(),
            Is.SubsetOf(EstimatorTable.Names));
        string[] losses = [.. Conditions.Where(c => c.Contains("loss_mode="))];
        Assert.That(losses, Is.Not.Empty);
        Assert.That(losses.Select(c => c[(c.IndexOf('=', StringComparison.Ordinal) + 1)..]).Distinct(),
            Is.SubsetOf(PolicyLosses.Names));
    }

    private static bool NeedsValues(string estimator) =>
        EstimatorTable.Find(estimator).Create([]).Needs.HasFlag(Needs.Values);

    private static IEnumerable<string> Words(string text) => Word().Matches(text).Select(m => m.Value);

    [GeneratedRegex("[a-z0-9_]+")]
    private static partial Regex Word();
}
