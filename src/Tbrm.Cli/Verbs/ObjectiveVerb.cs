using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Data.Json;
using Tbrm.Objectives;
using Tbrm.Objectives.Checks;
using Tbrm.Objectives.Estimators;
using Tbrm.Objectives.PolicyGradient;
using Tbrm.Objectives.Rows;

namespace Tbrm.Cli.Verbs;

/// <summary>
/// <c>objective --in F --out F</c>: losses, gradients and advantages of rows of numbers, without a model; <c>objective
/// check NAME</c>: finite
/// differences and further tests; <c>objective list</c>: what there is.
/// </summary>
internal sealed class ObjectiveVerb : IVerb
{
    public Command Create()
    {
        Option<string> input =
            new("--in") { Description = "JSONL, one optimizer batch per row; - is stdin.", Required = true };
        Option<string> output =
            new("--out") { Description = "Where the answers go, in order; - is stdout.", Required = true };
        Command command = new(
            "objective", "Computes objectives and advantages of given numbers, or checks an objective.") { input,
            output };
        command.Subcommands.Add(Check());
        command.Subcommands.Add(List());
        command.SetAction(parsed =>
        {
            Evaluate(parsed.GetValue(input)!, parsed.GetValue(output)!);
            return (int)ExitCode.Ok;
        });
        return command;
    }

    private static void Evaluate(string input, string output)
    {
        using SpooledInput spooled = new(input);
        string name = input == SpooledInput.StandardStream ? "standard input" : input;
        using JsonLinesWriter writer = output == SpooledInput.StandardStream ? new(Console.OpenStandardOutput())
            : new(output);
        int number = 0;
        foreach (string line in Lines(spooled.Path, name))
        {
            number++;
            if (!string.IsNullOrWhiteSpace(line))
            {
                string where = string.Create(CultureInfo.InvariantCulture, $"{name}: row {number}");
                writer.Write(ObjectiveRow.Evaluate(LenientJson.Parse(line, where), where));
            }
        }

        writer.Complete();
    }

    private static IEnumerable<string> Lines(string path, string name)
    {
        using StreamReader reader = Open(path, name);
        while (Read(reader, name) is { } line)
        {
            yield return line;
        }
    }

    private static StreamReader Open(string path, string name)
    {
        try
        {
            return new(path, new UTF8Encoding(false, throwOnInvalidBytes: true));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string found = Directory.Exists(path) ? "is a folder; give the file inside it"
                : e is FileNotFoundException ? "no such file" : e.Message;
            throw new DataException($"{name}: {found}", e);
        }
    }

    private static string? Read(StreamReader reader, string name)
    {
        try
        {
            return reader.ReadLine();
        }
        catch (Exception e) when (e is IOException or DecoderFallbackException)
        {
            throw new DataException($"{name}: {(e is DecoderFallbackException ? "the text is not UTF-8" : e.Message)}",
                e);
        }
    }

    private static Command Check()
    {
        Argument<string> name = new("name") { Description = "An algorithm, or assembly:FILE.dll#Namespace.Class." };
        Argument<string[]> options =
            new("key=value") { Description = "Options of the objective, key=value.", Arity = ArgumentArity.ZeroOrMore };
        Command command = new(
            "check", "Finite differences, order, masks, micro-batches and empty batches on random numbers.") { name,
            options };
        command.SetAction(parsed => Check(parsed.GetValue(name)!, Options(parsed.GetValue(options) ?? [])));
        return command;
    }

    private static int Check(string name, JsonObject options)
    {
        Algorithm entry = AlgorithmTable.Find(name);
        if (entry.LossMode is { } mode)
        {
            options.TryAdd("loss_mode", mode);
        }

        IReadOnlyList<CheckResult> results = new ObjectiveCheck(entry.Objective(options)).Run();
        foreach (CheckResult result in results)
        {
            Console.WriteLine(
                $"{(result.Passed switch { true => "ok", false => "WRONG", null => "-" }),-6} {result.Name,-24} "
                    + $"{result.Detail}");
        }

        int wrong = results.Count(r => r.Passed == false);
        return wrong == 0 ? (int)ExitCode.Ok
            : throw new DataException(
                $"{name}: {wrong} of {results.Count} checks do not hold (docs/guide/objectives.md says what each "
                    + $"asks)");
    }

    private static Command List()
    {
        Command command = new("list", "Algorithms, advantage estimators and policy losses.");
        command.SetAction(_ =>
        {
            Console.WriteLine("algorithm.name:");
            foreach (Algorithm entry in AlgorithmTable.Entries)
            {
                string words = entry.IsPolicyGradient
                    ? $" [adv_estimator={entry.AdvEstimator} loss_mode={entry.LossMode}]" : "";
                Console.WriteLine(
                    $"  {string.Join(", ", entry.Aliases.Prepend(entry.Name)),-30} {entry.Summary}{words} "
                        + $"({entry.Paper})");
            }

            Console.WriteLine("algorithm.adv_estimator:");
            foreach (Estimator entry in EstimatorTable.Entries)
            {
                Console.WriteLine(
                    $"  {string.Join(", ", entry.Aliases.Prepend(entry.Name)),-30} {entry.Summary} ({entry.Paper})");
            }

            Console.WriteLine("actor.policy_loss.loss_mode:");
            foreach (string loss in PolicyLosses.Names)
            {
                Console.WriteLine($"  {loss,-30} {PolicyLosses.SummaryOf(loss)}");
            }

            return (int)ExitCode.Ok;
        });
        return command;
    }

    private static JsonObject Options(string[] pairs)
    {
        JsonObject options = [];
        foreach (string pair in pairs)
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            string text = equals > 0 ? pair[(equals + 1)..]
                : throw new ConfigException($"'{pair}': key=value was expected");
            try
            {
                options[pair[..equals]] = JsonNode.Parse(text);
            }
            catch (JsonException)
            {
                options[pair[..equals]] = text;
            }
        }

        return options;
    }
}
