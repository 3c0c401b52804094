using System.Collections.Generic;
using System.CommandLine;
using System.CommandLine.Help;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>What --help prints, of every verb and of the verbs below it, can be read.</summary>
public sealed partial class HelpTests
{
    /// <summary>A description is one line, however long; what completion offers (some 200 keys) is no help.</summary>
    private const int LongestLine = 400;

    [Test]
    public void Help_is_read_at_a_glance()
    {
        List<string> seen = [];
        Queue<string[]> verbs = new([[]]);
        while (verbs.TryDequeue(out string[]? verb))
        {
            Outcome outcome = CommandLine.Run([.. verb, "--help"]);
            string name = string.Join(' ', verb);
            seen.Add(name);
            Assert.That(outcome.ExitCode, Is.Zero, name);
            Assert.That(outcome.Error, Is.Empty, name);
            string? longest = outcome.Output.Split('\n').MaxBy(l => l.Length);
            Assert.That(longest, Has.Length.LessThan(LongestLine), name);
            foreach (Match below in Below().Matches(CommandsOf(outcome.Output)))
            {
                verbs.Enqueue([.. verb, below.Groups[1].Value]);
            }
        }

        Assert.That(seen, Is.SupersetOf(new[] { "train", "eval", "data inspect", "export report" }));
    }

    /// <summary>One style: a sentence without its stop that begins with a capital; what an option takes has a name in
    /// capitals, or is one of the values shown.</summary>
    [Test]
    public void Descriptions_are_written_alike()
    {
        List<string> wrong = [];
        Queue<Command> commands = new([Program.CreateRoot()]);
        while (commands.TryDequeue(out Command? command))
        {
            foreach (Symbol symbol in command.Options.Cast<Symbol>().Concat(command.Arguments).Append(command))
            {
                string text = symbol.Description ?? "";
                if (symbol is not (HelpOption or VersionOption) && !symbol.Hidden
                    && (text.Length == 0 || text.EndsWith('.') || !(char.IsUpper(text[0]) || symbol is Argument)))
                {
                    wrong.Add($"{command.Name} {symbol.Name}: '{text}'");
                }
            }

            wrong.AddRange(command.Options.Where(o => o is { Hidden: false, HelpName: null }
                && o.ValueType != typeof(bool) && o is not (HelpOption or VersionOption)
                && o.CompletionSources.Count == 0)
                .Select(o => $"{command.Name} {o.Name} does not say what it takes"));
            foreach (Command below in command.Subcommands.Where(c => !c.Hidden))
            {
                commands.Enqueue(below);
            }
        }

        Assert.That(wrong, Is.Empty);
    }

    [TestCase("a verb is missing; there are train, sft, eval")]
    [TestCase("a verb is missing; there are inspect, prepare", "data")]
    public void A_verb_that_is_missing_is_named_with_those_there_are(string expected, params string[] command)
    {
        Outcome outcome = CommandLine.Run(command);
        Assert.That((outcome.ExitCode, outcome.Output), Is.EqualTo((2, "")));
        Assert.That(outcome.Error, Does.Contain(expected));
    }

    private static string CommandsOf(string help)
    {
        int start = help.IndexOf("\nCommands:", System.StringComparison.Ordinal);
        return start < 0 ? "" : help[start..];
    }

    [GeneratedRegex(@"^  ([a-z]+)(?= |$)", RegexOptions.Multiline)]
    private static partial Regex Below();
}
