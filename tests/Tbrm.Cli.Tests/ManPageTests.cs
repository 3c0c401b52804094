using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Tbrm.Cli.Manual;
using Tbrm.Testing;
using Tbrm.Training.Config.Descriptions;

namespace Tbrm.Cli.Tests;

/// <summary>The manual page holds what the help and the reference hold.</summary>
public sealed partial class ManPageTests
{
    private readonly Lazy<string> _page = new(() => CommandLine.Run("man").Output);

    [Test]
    public void Every_verb_of_the_help_has_its_part()
    {
        string[] verbs = [.. Verb().Matches(CommandLine.Run("--help").Output).Select(m => m.Groups[1].Value)];
        Assert.That(verbs, Does.Contain("train"));
        string[] parts = [.. Part().Matches(_page.Value).Select(m => m.Groups[1].Value)];
        Assert.That(parts, Is.SupersetOf(verbs));
        Assert.That(_page.Value, Does.Contain(".SS export merge\n").And.Contain("\n.B \\-\\-run\\-dir DIR\n"));
    }

    [Test]
    public void Every_key_has_its_paragraph()
    {
        HashSet<string> tags = [.. Tag().Matches(_page.Value).Select(m => m.Groups[1].Value)];
        Assert.That(KeyDescription.All.Select(k => ManPage.Text(k.Path)).Where(k => !tags.Contains(k)), Is.Empty);
    }

    [Test]
    public void The_variables_are_those_of_the_guide()
    {
        string guide = File.ReadAllText(Repository.PathOf("docs", "guide", "environment.md"));
        string own = guide[..guide.IndexOf("The scripts:", StringComparison.Ordinal)];
        string[] names = [.. Variable().Matches(own).Select(m => m.Groups[1].Value.Replace("`", ""))];
        Assert.That(ManPage.Environment, Is.EquivalentTo(names));
    }

    /// <summary>A line that begins with a point or a quote is a command to roff; an unescaped hyphen is no
    /// minus.</summary>
    [TestCase("a-b", "a\\-b")]
    [TestCase(".hidden", "\\&.hidden")]
    [TestCase("'quoted'", "\\&'quoted'")]
    [TestCase("C:\\x", "C:\\ex")]
    [TestCase("two\nlines", "two lines")]
    public void Text_is_escaped_for_roff(string text, string expected) =>
        Assert.That(ManPage.Text(text), Is.EqualTo(expected));

    [GeneratedRegex(@"^  ([a-z]+) ", RegexOptions.Multiline)]
    private static partial Regex Verb();

    [GeneratedRegex(@"^\.SS ([a-z]+)", RegexOptions.Multiline)]
    private static partial Regex Part();

    [GeneratedRegex(@"^\.TP\n\.B (.*)$", RegexOptions.Multiline)]
    private static partial Regex Tag();

    [GeneratedRegex(@"^\| (`[A-Z][^|]*`) \|", RegexOptions.Multiline)]
    private static partial Regex Variable();
}
