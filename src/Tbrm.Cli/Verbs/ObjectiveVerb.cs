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
    private static readonly JsonSerializerOptions s_readable =
        new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public Command Create()
    {
        Option<string> input =
            new("--in")
            {
                Description = "JSONL, one optimizer batch per row; - is stdin",
                HelpName = "FILE",
                Required = true
            };
        Option<string> output =
            new("--out")
            {
                Description = "Where the answers go, in order; - is stdout",
                HelpName = "FILE",
                Required = true
            };
        Command command = new(
            "objective", "Computes objectives and advantages of given numbers, or checks an objective") { input,
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
        Argument<string> name =
            new("name") { HelpName = "NAME", Description = "An algorithm, or assembly:FILE.dll#Namespace.Class" };
        Argument<string[]> options =
            new("key=value") { Description = "Options of the objective, key=value", Arity = ArgumentArity.ZeroOrMore };
        Command command = new(
            "check", "Finite differences, order, masks, micro-batches and empty batches on random numbers") { name,
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
        Option<bool> json = new("--json") { Description = "One JSON object for each entry instead of text" };
        Command command = new("list", "Prints algorithms, advantage estimators and policy losses") { json };
        command.SetAction(parsed =>
        {
            List<ListedEntry> entries = [.. AlgorithmTable.Entries.Select(a => new ListedEntry("algorithm.name",
                [a.Name, .. a.Aliases], a.Summary, a.Paper, a.IsPolicyGradient
                    ? $"adv_estimator={a.AdvEstimator} loss_mode={a.LossMode}" : ""))];
            entries.AddRange(EstimatorTable.Entries.Select(e => new ListedEntry("algorithm.adv_estimator",
                [e.Name, .. e.Aliases], e.Summary, e.Paper, "")));
            entries.AddRange(PolicyLosses.Names.Select(l => new ListedEntry("actor.policy_loss.loss_mode",
                [l], PolicyLosses.SummaryOf(l), "", "")));
            foreach (IGrouping<string, ListedEntry> key in entries.GroupBy(e => e.Key))
            {
                Console.Out.Write(parsed.GetValue(json)
                    ? string.Concat(key.Select(e => e.ToJson().ToJsonString(s_readable) + "\n"))
                    : $"{key.Key}:\n" + PlainTable.Wrapped([.. key.Select(e => e.Cells())], Terminal.TextWidth));
            }

            return (int)ExitCode.Ok;
        });
        return command;
    }

    /// <param name="Key">The configuration key whose value it is.</param>
    /// <param name="Names">Its name, then others that are taken for it.</param>
    /// <param name="Summary">What it is.</param>
    /// <param name="Paper">Where it is from; empty: not said.</param>
    /// <param name="Stands">What it stands for, as keys; empty: for itself.</param>
    private sealed record ListedEntry(string Key, string[] Names, string Summary, string Paper, string Stands)
    {
        public string[] Cells() => [string.Join(", ", Names), Summary + (Stands.Length > 0 ? $" [{Stands}]" : "")
            + (Paper.Length > 0 ? $" ({Paper})" : "")];

        public JsonObject ToJson() => new()
        {
            ["key"] = Key,
            ["name"] = Names[0],
            ["aliases"] = new JsonArray([.. Names.Skip(1).Select(n => (JsonNode)n)]),
            ["summary"] = Summary,
            ["paper"] = Paper,
            ["stands_for"] = Stands,
        };
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
