using System;
using System.Collections.Generic;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Tbrm.Cli.Comparing;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Tasks;
using Tbrm.Testing;
using Tbrm.Training.Config;
using Tbrm.Verify;

namespace Tbrm.Cli.Tests;

/// <summary>
/// Every command that a document shows is understood: its verb and options by the program's own parser, its keys,
/// presets and values by the configuration's, its grader's and task's options by theirs.
/// <see cref="DocumentedRunTests"/> run them.
/// </summary>
public sealed partial class DocumentedCommandTests
{
    private static IEnumerable<DocumentedCommand> Commands => DocumentedCommand.All;

    [Test]
    public void There_are_commands() => Assert.That(Commands.Count(), Is.GreaterThan(60));

    /// <summary>One test for all: they take a millisecond each.</summary>
    [Test]
    public void Every_command_is_understood()
    {
        RootCommand root = Program.CreateRoot();
        List<string> wrong = [];
        foreach (DocumentedCommand command in Commands)
        {
            ParseResult parsed = root.Parse(command.Arguments);
            try
            {
                IEnumerable<string> errors = parsed.Errors.Select(e => e.Message)
                    .Where(e => !command.IsMention || !Incomplete().IsMatch(e));
                wrong.AddRange(errors.Select(e => $"{command}: {e}"));
                Resolve(command, parsed);
            }
            catch (TbrmUserException e)
            {
                wrong.Add($"{command}: {e.Message}");
            }
        }

        Assert.That(wrong, Is.Empty);
    }

    private static void Resolve(DocumentedCommand command, ParseResult parsed)
    {
        string[] words = [.. command.Arguments.Skip(1)];
        switch (command.Verb)
        {
            case "train" or "sft" or "eval" or "generate" or "plan" or "config":
                Configuration(parsed, words.Where(IsKey)
                    .Select(w => command.Verb == "sft" && w.StartsWith("lr=", StringComparison.Ordinal)
                        ? "sft.optim." + w : w));
                break;
            case "compare":
                // Of a sweep the first value.
                string[] common = [.. words.Where(w => !ArmSpec.IsArm(w) && IsKey(w)).Select(w => w.Split(',')[0])];
                foreach (string arm in words.Where(w => w.Contains(": ", StringComparison.Ordinal)))
                {
                    Configuration(parsed, [.. common, .. ArmSpec.Parse(arm).Overrides]);
                }

                break;
            case "score":
                GraderRegistry.CheckOptions([parsed.GetResult("--grader") is OptionResult o ? o.Tokens[0].Value : ""],
                    new JsonObject([.. words.Where(IsKey).Select(w => w.Split('=', 2)).Select(p =>
                    KeyValuePair.Create(p[0], (JsonNode?)p[1]))]));
                break;
            case "task" when words[0] == "generate":
                TaskRegistry.Create(words[1], 0, 1, TaskRegistry.ParseArguments(words[1], words.Skip(2).Where(IsKey)));
                break;
        }
    }

    /// <summary>Files of the reader's are empty; presets and files of this repository are what they are.</summary>
    private static void Configuration(ParseResult parsed, IEnumerable<string> keys)
    {
        string[] files = [.. parsed.GetResult("--config") is OptionResult o ? o.Tokens.Select(t => t.Value) : []];
        string empty = Path.GetTempFileName();
        try
        {
            RunConfig config = ConfigLoader.Load(
                [.. files.Select(f => ConfigLoader.Presets.Contains(f) ? f
                : File.Exists(Repository.PathOf(f)) ? Repository.PathOf(f) : empty)],
                [.. keys.Select(k => k.Replace("artifacts/", Repository.PathOf("artifacts/"),
                    StringComparison.Ordinal))]);
            Assert.That(config, Is.Not.Null);
        }
        finally
        {
            File.Delete(empty);
        }
    }

    private static bool IsKey(string word) => KeyAndValue().IsMatch(word);

    [GeneratedRegex(@"^[A-Za-z][\w.]*=")]
    private static partial Regex KeyAndValue();

    /// <summary>What the parser says of a command without its arguments, or with a word in capitals for one.</summary>
    [GeneratedRegex(@"[Rr]equired|missing|argument '[A-Z0-9]+'")]
    private static partial Regex Incomplete();
}
