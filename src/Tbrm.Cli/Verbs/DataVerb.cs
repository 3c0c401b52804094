using System;
using System.CommandLine;
using System.Linq;
using System.Threading;
using Tbrm.Cli.Display;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Data.Prepare;
using Tbrm.Data.Prompts;
using Tbrm.Data.Sources;
using Tbrm.Training.Sessions;
using Tbrm.Training.Trajectories;

namespace Tbrm.Cli.Verbs;

/// <summary><c>data inspect FILE</c> shows what a data file holds; <c>data prepare IN... --out F</c> makes a training
/// file.</summary>
internal sealed class DataVerb : IVerb
{
    private const int DefaultHead = 3;

    public Command Create() =>
        new("data", "Looks into data files and prepares them") { CreateInspect(), CreatePrepare() };

    private static Command CreateInspect()
    {
        Argument<string> file =
            new("file") { HelpName = "FILE", Description = "A Parquet, JSONL or JSON file; - is standard input" };
        Option<long?> head = new("--head")
        {
            Description = $"Rows to show, and to read no further (default: shows "
            + $"{DefaultHead}, with --json all, and reads the whole file)",
            HelpName = "N",
        };
        Option<string[]> columns =
            new("--columns")
            {
                Description = "Columns to show, dotted paths into structs",
                HelpName = "COLUMN",
                AllowMultipleArgumentsPerToken = true
            };
        Option<bool> json = new("--json") { Description = "Prints the rows as JSONL and nothing else" };
        Command command = new(
            "inspect", "Shows the columns and the first rows of a data file") { file, head, columns, json };
        command.SetAction(parsed =>
        {
            using StopSignals signals = new(saves: false);
            if (parsed.GetValue(head) is < 0)
            {
                throw new ConfigException("--head must not be negative");
            }

            using SpooledInput input = new(parsed.GetValue(file)!, parsed.GetValue(head));
            SpooledInput.Read([input], () =>
            {
                FileInspector inspector =
                    new(input.Path, parsed.GetValue(columns) is { Length: > 0 } named ? named : null);
                if (parsed.GetValue(json))
                {
                    inspector.WriteRows(Console.OpenStandardOutput(), parsed.GetValue(head), signals.Token);
                }
                else
                {
                    Console.Out.Write(input.Name(
                        inspector.Describe(parsed.GetValue(head) ?? DefaultHead,
                        readsAll: parsed.GetValue(head) is null, signals.Token)));
                }

                return inspector;
            });
            return (int)ExitCode.Ok;
        });
        return command;
    }

    private static Command CreatePrepare()
    {
        Argument<string[]> inputs =
            new("in")
            {
                HelpName = "FILE",
                Description = "Parquet, JSONL or JSON files, in order; - is standard input",
                Arity = ArgumentArity.OneOrMore
            };
        Option<string> output =
            new("--out") { Description = "The file to write", HelpName = "FILE", Required = true };
        Option<string[]> filters =
            new("--filter")
            {
                Description = "Rows to keep; given several times, all must hold",
                HelpName = "FIELD:VALUE|FIELD:VALUE"
            };
        Option<bool> dedup = new("--dedup") { Description = "Keeps the first of prompts with the same text" };
        Option<string> shape =
            new("--shape")
            {
                Description = "How rows are read; dapo cuts DAPO's instructions",
                HelpName = "auto|verl|dapo",
                DefaultValueFactory = _ => "auto"
            };
        Option<long?> maxSamples =
            new("--max-samples") { Description = "Keeps at most so many", HelpName = "N" };
        Option<ulong?> seed =
            new("--seed") { Description = "Chooses the kept samples at random by this seed", HelpName = "S" };
        Option<string?> format =
            new("--format")
            {
                Description = "Of the output; by default what the name of --out says",
                HelpName = "jsonl|parquet"
            };
        Option<string?> dataSource =
            new("--data-source") { Description = "Names the data source of all rows", HelpName = "NAME" };
        Option<string> promptKey =
            new("--prompt-key")
            {
                Description = "Column of the prompt",
                HelpName = "COLUMN",
                DefaultValueFactory = _ => new PromptKeys().Prompt
            };
        Option<string> sourceKey =
            new("--reward-fn-key")
            {
                Description = "Column of the data source",
                HelpName = "COLUMN",
                DefaultValueFactory = _ => new PromptKeys().DataSource
            };
        Option<string> goldKey =
            new("--ground-truth-key")
            {
                Description = "Column of the answer",
                HelpName = "COLUMN",
                DefaultValueFactory = _ => new PromptKeys().GroundTruth
            };
        Option<string?> reference = new("--reference")
        {
            Description =
                "A model folder: the inputs are trajectories, and get its log-probs and values, so that training from "
                    + "them needs no reference policy",
            HelpName = "MODEL",
        };
        Option<string[]> set = new("--set")
        {
            Description = "With --reference: configuration keys of the training to "
            + "come, such as rollout.temperature=1",
            HelpName = "key=value"
        };
        Command command = new(
            "prepare",
            "Writes prompts in verl's schema; with --reference, trajectories with a reference policy's numbers")
        {
            inputs, output, filters, dedup, shape, maxSamples, seed, format, dataSource, promptKey, sourceKey, goldKey,
                reference, set,
        };
        command.SetAction(parsed =>
        {
            using StopSignals signals = new(saves: false);
            if (parsed.GetValue(reference) is { } model)
            {
                return PrepareReference(parsed, model, parsed.GetValue(inputs)!, parsed.GetValue(output)!,
                    parsed.GetValue(set) ?? [],
                    [filters, dedup, shape, maxSamples, seed, format, dataSource, sourceKey, goldKey], signals.Token);
            }

            PromptOptions options = new()
            {
                Shape = PromptOptions.ParseShape(parsed.GetValue(shape)!),
                Keys = new()
                {
                    Prompt = parsed.GetValue(promptKey)!,
                    DataSource = parsed.GetValue(sourceKey)!,
                    GroundTruth = parsed.GetValue(goldKey)!,
                },
                DataSource = parsed.GetValue(dataSource),
                Filters = [.. (parsed.GetValue(filters) ?? []).Select(RowFilter.Parse)],
                Deduplicate = parsed.GetValue(dedup),
                MaxSamples = parsed.GetValue(maxSamples),
                MaxSamplesSeed = parsed.GetValue(seed),
            };
            string path = parsed.GetValue(output)!;
            SpooledInput[] files = [.. parsed.GetValue(inputs)!.Select(name => new SpooledInput(name))];
            try
            {
                RowFormat written = DataPreparer.ParseFormat(parsed.GetValue(format), path);
                PromptCounts counts =
                    SpooledInput.Read(files,
                    () => DataPreparer.Prepare([.. files.Select(f => f.Path)], path, written, options, signals.Token));
                Console.Error.WriteLine($"{path}: {counts}");
                return (int)ExitCode.Ok;
            }
            finally
            {
                Array.ForEach(files, f => f.Dispose());
            }
        });
        return command;
    }

    /// <summary>Trajectories with a reference's numbers; what is for prompts alone is refused.</summary>
    private static int PrepareReference(ParseResult parsed, string model, string[] inputs, string output, string[] set,
        Option[] others, CancellationToken stop)
    {
        if (others.FirstOrDefault(o => parsed.GetResult(o) is { Implicit: false }) is { } other)
        {
            throw new ConfigException($"{other.Name} is for prompts; with --reference the rows stay as they are");
        }

        RunConfig config = RunModels.Load(
            [], ["rollout.n=0", $"data.trajectories=[{string.Join(",", inputs)}]", .. set, $"model.path={model}"],
            text => Console.Error.WriteLine($"tbrm-native: {text}"));
        TerminalProgress progress = new(Terminal.RawError, !Console.IsErrorRedirected);
        long rows = ReferencePreparation.Write(config, inputs, output, progress, stop);
        Console.Error.WriteLine($"{output}: {rows} trajectories with the numbers of {model}");
        return (int)ExitCode.Ok;
    }
}
