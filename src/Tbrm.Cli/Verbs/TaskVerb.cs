using System;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Numerics;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Core.Files;
using Tbrm.Data.Json;
using Tbrm.Data.Sources;
using Tbrm.Tasks;
using Tbrm.Tasks.Python;

namespace Tbrm.Cli.Verbs;

/// <summary><c>task list|generate|score</c>: reasoning-gym's items and scores as JSONL.</summary>
internal sealed class TaskVerb : IVerb
{
    private const string StandardStream = "-";

    /// <summary>More values than this are not printed in full.</summary>
    private const int LongList = 6;

    private readonly Argument<string> _name =
        new("name") { HelpName = "NAME", Description = "The task, as task list names it" };

    private readonly Argument<string[]> _parameters = new("param=value")
    {
        Description = "The task's parameters, named as in the Python package",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<string> _out = new("--out")
    {
        Description = "Where the rows go; - is standard output",
        HelpName = "FILE",
        DefaultValueFactory = _ => StandardStream,
    };

    /// <inheritdoc/>
    public Command Create()
    {
        Command verb = new("task", "Generates the items of reasoning tasks, and scores answers to them");
        verb.Subcommands.Add(CreateList());
        verb.Subcommands.Add(CreateGenerate());
        verb.Subcommands.Add(CreateScore());
        return verb;
    }

    private Command CreateList()
    {
        Option<bool> json = new("--json") { Description = "One JSON object for each task instead of text" };
        Command command = new("list", "Prints each task with its parameters and their defaults") { _out, json };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(json) || parsed.GetResult(_out) is { Implicit: false })
            {
                return Write(parsed.GetRequiredValue(_out), WriteList);
            }

            Console.Out.Write(PlainTable.Wrapped([.. TaskRegistry.Names.Select(n => new[] { n, Parameters(n) })],
                Terminal.TextWidth));
            return (int)ExitCode.Ok;
        });
        return command;
    }

    private Command CreateGenerate()
    {
        Option<string?> seed =
            new("--seed") { Description = "Item i is made from seed + i; 0 unless given", HelpName = "S" };
        Option<long?> size = new("--size") { Description = "How many items; 500 unless given", HelpName = "N" };
        Command command = new(
            "generate", "Writes a task's items: question, answer, metadata") { _name, _parameters, seed, size, _out };
        command.SetAction(parsed =>
        {
            JsonObject parameters = Parameters(parsed);
            if (parsed.GetValue(seed) is { } seedText)
            {
                parameters["seed"] = JsonNode.Parse(ReadSeed(seedText).ToString(CultureInfo.InvariantCulture));
            }

            if (parsed.GetValue(size) is { } count)
            {
                parameters["size"] = count;
            }

            IReasoningTask task = TaskRegistry.Create(parsed.GetRequiredValue(_name), parameters);
            return Write(parsed.GetRequiredValue(_out), output => TaskRows.Generate(task, output));
        });
        return command;
    }

    private Command CreateScore()
    {
        Option<string> input = new("--in")
        {
            Description = "Rows {\"answer\", \"entry\"}; - is standard input",
            HelpName = "FILE",
            DefaultValueFactory = _ => StandardStream,
        };
        Command command = new("score", "Adds the task's score to answers") { _name, _parameters, input, _out };
        command.SetAction(parsed =>
        {
            IReasoningTask task = TaskRegistry.Create(parsed.GetRequiredValue(_name), Parameters(parsed));
            string path = parsed.GetRequiredValue(input);
            return Write(parsed.GetRequiredValue(_out), output =>
            {
                if (path != StandardStream)
                {
                    TaskRows.Score(task, JsonLines.ReadFile(path), path, output);
                    return;
                }

                using Stream standard = Console.OpenStandardInput();
                TaskRows.Score(task, JsonLines.Read(standard, "standard input"), "standard input", output);
            });
        });
        return command;
    }

    private JsonObject Parameters(ParseResult parsed)
    {
        return TaskRegistry.ParseArguments(parsed.GetRequiredValue(_name), parsed.GetValue(_parameters) ?? []);
    }

    private static BigInteger ReadSeed(string text)
    {
        return BigInteger.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture,
            out BigInteger seed)
            ? seed
            : throw new ConfigException($"--seed: an integer was expected, found '{text}'");
    }

    /// <summary>name=default, as <c>generate</c> takes them; of a long list the first values and how many there
    /// are.</summary>
    private static string Parameters(string task) => string.Join(", ", TaskRegistry.Defaults(task)
        .Where(p => p.Key is not ("seed" or "size")).Select(p => p.Key + "=" + p.Value switch
        {
            JsonArray { Count: > LongList } list =>
                $"[{string.Join(", ", list.Take(LongList / 2).Select(Text))}, ...: {list.Count}]",
            JsonArray list => $"[{string.Join(", ", list.Select(Text))}]",
            var value => Text(value),
        }));

    private static string Text(JsonNode? value) => value is JsonValue word && word.TryGetValue(out string? text) ? text
        : PythonJson.Write(value);

    private static void WriteList(Stream output)
    {
        using StreamWriter writer = new(output, leaveOpen: true);
        foreach (string name in TaskRegistry.Names)
        {
            JsonObject row = new() { ["task"] = name, ["parameters"] = TaskRegistry.Defaults(name) };
            writer.Write(PythonJson.Write(row));
            writer.Write('\n');
        }
    }

    /// <summary>Writes to a file that appears only when all went well, or to standard output.</summary>
    private static int Write(string path, Action<Stream> write)
    {
        if (path == StandardStream)
        {
            using Stream standard = Console.OpenStandardOutput();
            write(standard);
            return (int)ExitCode.Ok;
        }

        using AtomicFile file = new(path);
        write(file.Stream);
        file.Commit();
        return (int)ExitCode.Ok;
    }
}
