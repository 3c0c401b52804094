using System.Collections.Generic;
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

    private static string CommandsOf(string help)
    {
        int start = help.IndexOf("\nCommands:", System.StringComparison.Ordinal);
        return start < 0 ? "" : help[start..];
    }

    [GeneratedRegex(@"^  ([a-z]+)(?= |$)", RegexOptions.Multiline)]
    private static partial Regex Below();
}
