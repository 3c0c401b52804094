using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Training.Config;
using Tbrm.Training.Plans;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Tests.Config;

/// <summary>Whatever stands in a configuration, it is taken or refused in one sentence.</summary>
public sealed class ConfigRobustnessTests
{
    private static readonly string[] s_wrong =
        ["", "abc", "nan", "NaN", ".nan", "inf", "-inf", "1e999", "-1e999", "-1e300",
        "999999999999999999999999999999999999999999999", "0x10", "1,5", "1_0", "[1]", "{a: 1}"];

    /// <summary>Numbers and lists of numbers.</summary>
    private static IEnumerable<string> NumericKeys() => ConfigSchema.Keys.Where(k => IsNumber(k.Value[^1].PropertyType))
        .Select(k => k.Key);

    [TestCaseSource(nameof(NumericKeys))]
    public void A_numeric_key_has_bounds_and_refuses_what_is_no_number_within_them(string key)
    {
        AllowedRangeAttribute? range = ConfigSchema.Keys[key][^1].GetCustomAttribute<AllowedRangeAttribute>();
        Assert.That(range, Is.Not.Null, "a number without bounds overflows somewhere");
        foreach (string wrong in s_wrong)
        {
            Assert.That(() => ConfigLoader.Load("default", [$"{key}={wrong}"]),
                Throws.TypeOf<ConfigException>().With.Message.Contains(key), wrong);
        }

        foreach (double beyond in new[] { range!.Minimum - 1, range.Maximum * 2 + 1 })
        {
            string text = beyond.ToString("R", System.Globalization.CultureInfo.InvariantCulture);
            Assert.That(() => ConfigLoader.Load("default", [$"{key}={text}"]),
                Throws.TypeOf<ConfigException>().With.Message.Contains(key), text);
        }
    }

    [TestCaseSource(nameof(NumericKeys))]
    public void The_ends_of_the_bounds_can_be_planned_or_are_refused(string key)
    {
        AllowedRangeAttribute range = ConfigSchema.Keys[key][^1].GetCustomAttribute<AllowedRangeAttribute>()!;
        foreach (double end in new[] { range.Minimum, range.Maximum })
        {
            string text = end.ToString("R", System.Globalization.CultureInfo.InvariantCulture);
            foreach (string verb in new[] { RunState.Train, RunState.Sft, RunPlan.Evaluation })
            {
                try
                {
                    RunPlan plan = RunPlan.Of(ConfigLoader.Load("default", [$"{key}={text}"]), verb);
                    Assert.That(plan.Memory.Total, Is.Positive, $"{verb} {text}");
                    Assert.That(plan.Batch.TotalTokens ?? 0, Is.Not.Negative, $"{verb} {text}");
                }
                catch (TbrmUserException e)
                {
                    Assert.That(e.Message, Is.Not.Empty);
                }
            }
        }
    }

    [TestCase("trainer: &a {x: *a}\n", "leads back")]
    [TestCase("trainer:\n  seed: &s {y: {z: *s}}\n", "leads back")]
    [TestCase("? [a, b]\n: 1\n", "a key must be a word")]
    [TestCase("<<: 5\n", "<< takes a section")]
    [TestCase("trainer: {seed: 1}\ntrainer: {seed: 2}\n", "Duplicate key")]
    [TestCase("trainer: *nowhere\n", "not YAML")]
    [TestCase("a: {lr: 1}\n", "optim.lr")]
    [TestCase("trainer: 5\n", "is a section")]
    [TestCase("- 1\n", "sections")]
    [TestCase("trainer:\n\tseed: 1\n", "not YAML")]
    public void Yaml_that_is_no_configuration_is_refused(string yaml, string expected) =>
        Assert.That(() => ConfigLoader.FromYaml(yaml, "x.yaml"),
            Throws.TypeOf<ConfigException>().With.Message.Contains(expected).And.Message.StartsWith("x.yaml"));

    [TestCase("rollout.stop=[a, \"\"]", "empty text")]
    [TestCase("rollout.temperature=1e-46", "1E-06")]
    [TestCase("rollout.val_kwargs.temperature=1e-46", "1E-06")]
    [TestCase("rollout.top_p=1e-46", "1E-30")]
    [TestCase("rollout.repetition_penalty=1e-46", "0.01")]
    public void What_the_sampler_cannot_tell_from_nothing_is_refused_here(string argument, string expected) =>
        Assert.That(() => ConfigLoader.Load("default", [argument]),
            Throws.TypeOf<ConfigException>().With.Message.Contains(expected));

    [Test]
    public void Aliases_of_aliases_are_cut_short()
    {
        List<string> lines = ["l0: &l0 {a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1, j: 1}"];
        for (int i = 1; i < 12; i++)
        {
            lines.Add($"l{i}: &l{i} {{{string.Join(", ", "abcdefghij".Select(c => $"{c}: *l{i - 1}"))}}}");
        }

        Assert.That(() => ConfigLoader.FromYaml(string.Join('\n', lines), "x.yaml"),
            Throws.TypeOf<ConfigException>().With.Message.Contains("10000 keys"));
    }

    [Test]
    public void Anchors_and_merge_keys_mean_what_yaml_says()
    {
        RunConfig config = ConfigLoader.FromYaml(
            "actor:\n  optim: &o {lr: 1.0e-3, eps: 1.0e-9}\nsft:\n  optim:\n    lr: 5.0e-4\n    <<: *o\n", "x.yaml");
        Assert.That((config.Sft.Optim.Lr, config.Sft.Optim.Eps), Is.EqualTo((5e-4, 1e-9)),
            "the section's own keys count more, wherever they stand");
        RunConfig several = ConfigLoader.FromYaml("sft:\n  optim: {<<: [{lr: 1.0}, {lr: 2.0, eps: 0.5}]}\n", "x.yaml");
        Assert.That((several.Sft.Optim.Lr, several.Sft.Optim.Eps), Is.EqualTo((1.0, 0.5)),
            "the first of several counts more");
    }

    [Test]
    public void Text_that_is_not_utf8_is_refused()
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(file, [.. "trainer: {project_name: \"a"u8, 0xFF, .. "b\"}\n"u8]);
            Assert.That(() => ConfigLoader.Load(file, []),
                Throws.TypeOf<ConfigException>().With.Message.Contains("UTF-8").And.Message.Contains(file));
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static bool IsNumber(Type type) => type == typeof(int) || type == typeof(long) || type == typeof(double);
}
