using System;
using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Verify;

namespace Tbrm.Cli.Verbs;

/// <summary><c>score --grader NAME --in F --out F [key=value ...]</c>: grades the responses of a JSONL file.</summary>
internal sealed class ScoreVerb : IVerb
{
    public Command Create()
    {
        Option<string> grader =
            new("--grader") { Description = "The grader's name", HelpName = "NAME", Required = true };
        Option<string> input =
            new("--in")
            {
                Description = "JSONL with solution_str and ground_truth",
                HelpName = "FILE",
                Required = true
            };
        Option<string> output =
            new("--out") { Description = "Where the scored rows go", HelpName = "FILE", Required = true };
        Option<double> seconds =
            new("--timeout")
            {
                Description = "Emergency brake: seconds of wall clock for one answer",
                HelpName = "SECONDS",
                DefaultValueFactory = _ => RewardManager.DefaultLimit.TotalSeconds
            };
        Option<int?> threads = new("--threads") { Description = "Answers graded at a time", HelpName = "N" };
        Argument<string[]> options =
            new("key=value") { Description = "Options of the grader, key=value", Arity = ArgumentArity.ZeroOrMore };
        Command command = new(
            "score", "Grades responses against ground truths") { grader, input, output, seconds, threads, options };
        command.SetAction(parsed =>
        {
            using StopSignals signals = new(saves: false);
            double limit = parsed.GetValue(seconds);
            int? parallelism = parsed.GetValue(threads);
            if (limit is not (> 0 and < 1e6) || parallelism <= 0)
            {
                throw new ConfigException("--timeout and --threads must be positive");
            }

            JsonObject settings = ParseOptions(parsed.GetValue(options) ?? []);
            GraderRegistry.CheckOptions([parsed.GetValue(grader)!], settings);
            IGrader grading = new GraderRegistry().Create(parsed.GetValue(grader)!, settings);
            using (grading as IDisposable)
            {
                RewardManager manager = new(grading, TimeSpan.FromSeconds(limit), parallelism);
                ScoreSummary summary = new JsonlScorer(manager)
                    .Score(parsed.GetValue(input)!, parsed.GetValue(output)!, signals.Token);
                Console.Error.WriteLine($"{grading.Name}: {summary}");
                if (summary.FirstFailure is { } failure)
                {
                    Console.Error.WriteLine($"first time-out or error: {failure}");
                }
            }

            return (int)ExitCode.Ok;
        });
        return command;
    }

    private static JsonObject ParseOptions(string[] pairs)
    {
        JsonObject options = [];
        foreach (string pair in pairs)
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0)
            {
                throw new ConfigException($"'{pair}': key=value was expected");
            }

            options[pair[..equals]] = ParseValue(pair[(equals + 1)..]);
        }

        return options;
    }

    private static JsonNode? ParseValue(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return text;
        }
    }
}
