using System;
using System.CommandLine;
using System.Globalization;
using System.IO;
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

    private readonly Argument<string> _name = new("name") { Description = "the task, as 'task list' names it" };

    private readonly Argument<string[]> _parameters = new("param=value")
    {
        Description = "the task's parameters, named as in the Python package",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<string> _out = new("--out")
    {
        Description = "where the rows go; - is standard output",
        DefaultValueFactory = _ => StandardStream,
    };

    /// <inheritdoc/>
    public Command Create()
    {
        Command verb = new("task", "Generate the items of reasoning tasks, and score answers to them.");
        verb.Subcommands.Add(CreateList());
        verb.Subcommands.Add(CreateGenerate());
        verb.Subcommands.Add(CreateScore());
        return verb;
    }

    private Command CreateList()
    {
        Command command = new("list", "Write each task with its parameters and their defaults.") { _out };
        command.SetAction(parsed => Write(parsed.GetRequiredValue(_out), WriteList));
        return command;
    }

    private Command CreateGenerate()
    {
        Option<string?> seed = new("--seed") { Description = "item i is drawn from seed + i; 0 unless given" };
        Option<long?> size = new("--size") { Description = "how many items; 500 unless given" };
        Command command = new(
            "generate", "Write a task's items: question, answer, metadata.") { _name, _parameters, seed, size, _out };
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
            Description = "rows {\"answer\", \"entry\"}; - is standard input",
            DefaultValueFactory = _ => StandardStream,
        };
        Command command = new("score", "Add the task's score to answers.") { _name, _parameters, input, _out };
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
