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
/// presets and values by the configuration's, its grader's and task's options by theirs. What costs nothing is run as
/// well.
/// </summary>
public sealed partial class DocumentedCommandTests
{
    /// <summary>Why commands of a verb are not run here, and what runs the verb instead.</summary>
    private static readonly Dictionary<string, string> s_notRun = new()
    {
        ["train"] = "minutes, or files of the reader's: TrainedRunTests, ExampleTests; ReadmeTests with --dry-run",
        ["sft"] = "a model of the reader's: SftTests, ExampleTests",
        ["eval"] = "a model of the reader's: EvalTests, ExampleTests",
        ["generate"] = "a model of the reader's: TrainedRunTests, ExampleTests",
        ["score"] = "answers of the reader's: ExampleTests, and Tbrm.Verify.Tests",
        ["tokenize"] = "a tokenizer of the reader's: ForeignModelTests, and Tbrm.Text.Tests",
        ["template"] = "a tokenizer of the reader's: Tbrm.Text.Tests",
        ["data"] = "files of the reader's: DataVerbTests, ExampleTests",
        ["compare"] = "several runs: CompareTests, ExampleTests",
        ["profile"] = "minutes: ProfileVerbTests",
        ["bench"] = "minutes: its own tests",
        ["theory"] = "half a minute: TheoryVerbTests",
        ["watch"] = "serves until it is stopped: WatchVerbTests, and Tbrm.Watch.Tests",
        ["export"] = "a run of the reader's: AdapterTests, RunFolderTests, ExampleTests",
    };

    /// <summary>Words of documents that stand for something of the reader's.</summary>
    private static readonly string[] s_readers =
        ["FILE", "KEY", "NAME", "assembly:", "run_qwen3_8b_fsdp.sh", "run.sh", "answers.jsonl", "--init"];

    private static IEnumerable<DocumentedCommand> Commands => DocumentedCommand.All;

    private static IEnumerable<DocumentedCommand> Runnable => DocumentedCommand.All
        .Where(c => !s_notRun.ContainsKey(c.Verb) && !s_readers.Any(c.Text.Contains))
        .Where(c => Program.CreateRoot().Parse(c.Arguments).Errors.Count == 0)
        .DistinctBy(c => string.Join(' ', c.Arguments));

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

    [TestCaseSource(nameof(Runnable))]
    public void A_command_that_costs_nothing_runs(DocumentedCommand command)
    {
        string folder = CommandLine.TemporaryFolder();
        try
        {
            using System.Diagnostics.Process process = CommandLine.StartIn(folder, command.Arguments);
            System.Threading.Tasks.Task<string> error = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.That(process.ExitCode, Is.Zero, error.Result);
            Assert.That(output, Is.Not.Empty.Or.Matches<string>(_ => command.Arguments.Contains("--out")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public void What_is_not_run_is_a_verb_of_the_program() => Assert.That(
        s_notRun.Keys, Is.SubsetOf(Program.CreateRoot().Subcommands.Select(c => c.Name)));

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
