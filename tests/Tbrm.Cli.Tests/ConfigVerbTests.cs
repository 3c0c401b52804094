using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.Versioning;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Testing;
using Tbrm.Training.Config;
using Tbrm.Training.Config.Descriptions;

namespace Tbrm.Cli.Tests;

/// <summary>The verbs <c>config</c> and <c>completion</c>: a configuration that explains itself.</summary>
public sealed partial class ConfigVerbTests : FolderTests
{
    [Test]
    public void A_key_is_explained_by_any_of_its_names()
    {
        string expected = CommandLine.Run("config", "--describe", "actor.optim.lr").Output;
        Assert.That(expected,
            Does.StartWith("actor.optim.lr\n").And.Contain("number, at least 0").And.Contain("2.5E-06").And.Contain(
            "actor_rollout_ref.actor.optim.lr"));
        Assert.That(CommandLine.Run("config", "--describe", "lr").Output, Is.EqualTo(expected));
        Assert.That(CommandLine.Run("config", "--describe", "actor_rollout_ref.actor.optim.lr").Output,
            Is.EqualTo(expected));
    }

    [TestCase("algorithm.kl_ctrl", 4)]
    [TestCase("*.optim.lr", 3)]
    [TestCase("model", 18)]
    public void A_section_or_a_pattern_names_several(string pattern, int least)
    {
        string[] titles = [.. CommandLine.Run("config", "--describe", pattern).Output.Split('\n')
            .Where(l => l.Length > 0 && l[0] != ' ')];
        Assert.That(titles, Has.Length.GreaterThanOrEqualTo(least).And.SubsetOf(ConfigSchema.Keys.Keys).And.Unique);
    }

    [Test]
    public void A_key_that_is_none_is_an_error_that_names_a_near_one()
    {
        Outcome outcome = CommandLine.Run("config", "--describe", "trainer.sed");
        Assert.That(outcome.ExitCode, Is.EqualTo(2));
        Assert.That(outcome.Error, Does.Contain("trainer.seed"));
    }

    [Test]
    public void Every_key_has_a_sentence_and_every_condition_names_keys_that_exist()
    {
        Assert.That(KeyDescription.All.Select(d => d.Path), Is.EquivalentTo(ConfigSchema.Keys.Keys));
        Assert.That(KeyDescription.All.Where(d => d.Meaning.Length < 8).Select(d => d.Path), Is.Empty);
        IEnumerable<string> named = KeyDescription.All.SelectMany(d => KeyName().Matches(d.RelevantWhen))
            .Select(m => m.Value).Distinct();
        Assert.That(named.Count(), Is.GreaterThan(10));
        Assert.That(named.Where(w => !ConfigSchema.Keys.ContainsKey(w)), Is.Empty);
    }

    [Test]
    public void The_reference_page_is_what_the_program_says()
    {
        string page = File.ReadAllText(Repository.PathOf("docs", "reference", "config.md"));
        Assert.That(CommandLine.Run("config", "--describe", "--markdown").Output, Is.EqualTo(page),
            "write it again: tbrm-native config --describe --markdown > docs/reference/config.md");
    }

    [TestCase("default")]
    [TestCase("paper-7b-n4")]
    public void Comments_change_nothing(string preset)
    {
        RunConfig config = ConfigLoader.Load(preset, []);
        string plain = ConfigWriter.ToYaml(config), commented = CommentedYaml.Write(config);
        Assert.That(commented.Split('\n').Where(l => !l.TrimStart().StartsWith('#') && l.Length > 0),
            Is.EqualTo(plain.Split('\n').Where(l => l.Length > 0)));
        Assert.That(commented.Split('\n').Count(l => l.TrimStart().StartsWith('#')),
            Is.GreaterThan(ConfigSchema.Keys.Count));
        Assert.That(commented.Split('\n').Where(l => l.TrimStart().StartsWith('#')).Select(l => l.Length),
            Is.All.LessThanOrEqualTo(120));
        Assert.That(ConfigWriter.ToYaml(ConfigLoader.FromYaml(commented, "text")), Is.EqualTo(plain));
        Assert.That(CommandLine.Run("config", "-c", preset, "--plain").Output, Is.EqualTo(plain));
    }

    [Test]
    public void A_new_file_is_a_configuration_and_an_old_one_is_left_alone()
    {
        string file = Path.Combine(Folder, "mine.yaml");
        Outcome outcome = CommandLine.Run("config", "--init", file, "trainer.seed=7");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(CommandLine.Run("config", "-c", file).Output,
            Is.EqualTo(File.ReadAllText(file)).And.Contain("seed: 7"));
        Outcome again = CommandLine.Run("config", "--init", file);
        Assert.That(again.ExitCode, Is.EqualTo(2));
        Assert.That(again.Error, Does.Contain(file).And.Contain("exists"));
        Assert.That(File.ReadAllText(file), Does.Contain("seed: 7"));
    }

    [Test]
    public void Of_several_files_the_later_counts_more_and_the_command_line_most()
    {
        string first = Path.Combine(Folder, "first.yaml"), second = Path.Combine(Folder, "second.yaml");
        File.WriteAllText(first, "trainer:\n  seed: 11\n  total_training_steps: 5\nrollout:\n  n: 3\n");
        File.WriteAllText(second, "trainer:\n  seed: 12\nrollout:\n  n: 4\n");
        RunConfig config = ConfigLoader.FromYaml(
            CommandLine.Run("config", "-c", "default", "-c", first, "-c", second, "rollout.n=5", "--plain").Output,
            "output");
        Assert.That((config.Trainer.Seed, config.Trainer.TotalTrainingSteps, config.Rollout.N, config.Data.Task),
            Is.EqualTo((12L, 5L, 5, "chain_sum")));
        Assert.That(CommandLine.Run("config", "-c", first, "-c", Path.Combine(Folder, "none.yaml")).Error,
            Does.Contain("none.yaml"));
    }

    [TestCase("train trainer.see", "trainer.seed=")]
    [TestCase("train data.task=gc", "data.task=gcd")]
    [TestCase("train algorithm.name=grp", "algorithm.name=grpo")]
    [TestCase("train reward.grader=math_v", "reward.grader=math_verify")]
    [TestCase("train -c paper-7b-n", "paper-7b-n4")]
    [TestCase("train --res", "--resume")]
    [TestCase("comp", "completion")]
    [TestCase("config --describe trainer.thr", "trainer.threads")]
    public void The_program_completes_a_line(string line, string expected) =>
        Assert.That(CommandLine.Run($"[suggest:{line.Length}]", line).Output.Split('\n'), Does.Contain(expected));

    [TestCase("fish")]
    [TestCase("zsh")]
    [TestCase("pwsh")]
    public void A_shell_s_script_asks_the_program(string shell) =>
        Assert.That(CommandLine.Run("completion", shell).Output, Does.Contain("tbrm-native \"[suggest:"));

    [Test]
    [UnsupportedOSPlatform("windows")]
    public void Bash_completes_what_follows_the_equals_sign()
    {
        string script = Path.Combine(Folder, "complete.sh"), program = Path.Combine(Folder, "tbrm-native");
        File.WriteAllText(program,
            $"#!/bin/sh\nexec dotnet '{Path.Combine(AppContext.BaseDirectory, "tbrm-native.dll")}' \"$@\"\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        File.WriteAllText(script, """
            PATH=$1:$PATH
            eval "$(tbrm-native completion bash)"
            COMP_LINE="tbrm-native train trainer.see"; COMP_POINT=${#COMP_LINE}; COMP_WORDS=(tbrm-native train trainer.see); COMP_CWORD=2; _tbrm_native; echo "${COMPREPLY[@]}"
            COMP_LINE="tbrm-native train data.task=gc"; COMP_POINT=${#COMP_LINE}; COMP_WORDS=(tbrm-native train data.task = gc); COMP_CWORD=4; _tbrm_native; echo "${COMPREPLY[@]}"
            COMP_LINE="tbrm-native train actor.use_kl_loss="; COMP_POINT=${#COMP_LINE}; COMP_WORDS=(tbrm-native train actor.use_kl_loss =); COMP_CWORD=3; _tbrm_native; echo "${COMPREPLY[@]}"
            """);
        using Process bash =
            Process.Start(new ProcessStartInfo("bash", [script, Folder]) { RedirectStandardOutput = true })!;
        string output = bash.StandardOutput.ReadToEnd();
        bash.WaitForExit();
        Assert.That(output, Is.EqualTo("trainer.seed=\ngcd\nfalse true\n"));
    }

    [GeneratedRegex(@"[a-z_]+(?:\.[a-z_]+)+")]
    private static partial Regex KeyName();
}
