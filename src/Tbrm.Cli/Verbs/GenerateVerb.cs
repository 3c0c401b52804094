using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Cli.Display;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Core.Rollouts;
using Tbrm.Data.Json;
using Tbrm.Data.Prompts;
using Tbrm.Engine.Checkpoint;
using Tbrm.Engine.Models;
using Tbrm.Training.Prompts;
using Tbrm.Training.Sessions;
using Tbrm.Training.Steps;

namespace Tbrm.Cli.Verbs;

/// <summary><c>generate</c>: responses to prompts, JSON lines in and out, in order.</summary>
internal sealed class GenerateVerb : IVerb
{
    private readonly RunOptions _run = new();
    private readonly Option<string?> _input =
        new("--in") { Description = "Rows with a prompt (text or messages); - is stdin", HelpName = "FILE" };
    private readonly Option<string?> _prompt =
        new("--prompt") { Description = "One prompt instead of a file", HelpName = "TEXT" };
    private readonly Option<string?> _output =
        new("--out") { Description = "Where the rows go; - or nothing: stdout", HelpName = "FILE" };
    private readonly Option<bool> _json =
        new("--json") { Description = "JSON lines on a terminal too, where responses to --prompt are text" };

    public Command Create()
    {
        Command command = new(
            "generate", "Samples responses: model.path=DIR, rollout.n, rollout.temperature and so on decide how");
        _run.AddTo(command);
        command.Options.Add(_run.Checkpoint);
        command.Options.Add(_run.BetaScale);
        command.Options.Add(_input);
        command.Options.Add(_prompt);
        command.Options.Add(_output);
        command.Options.Add(_json);
        command.SetAction(parsed => (int)Run(parsed));
        return command;
    }

    private ExitCode Run(ParseResult parsed)
    {
        TrainedRun? run = _run.Trained(parsed, byFolder: true);
        RunConfig config = RunOptions.WithReference(_run.Load(parsed, run: run), run);
        if (config.Model.Path.Length == 0)
        {
            throw new ConfigException(
                "generate needs a trained model: model.path=DIR, a model folder, a run or one of its checkpoints; or "
                    + "--run-dir RUN");
        }

        if (parsed.GetValue(_output) is { } output && Directory.Exists(output))
        {
            throw new ConfigException($"--out {output} is a folder; name a file");
        }

        IReadOnlyList<Prompt> prompts = Prompts(parsed, config);
        using StopSignals signals = new(saves: false);
        TerminalProgress progress = new(Terminal.RawError, !Console.IsErrorRedirected);
        using TrainingSession session = TrainingSession.Open(config, trainable: false);
        using RolloutStage rollout = new(session.Policy, session.Tokenizer, config, session.StopIds);
        using Policy? reference = ReferenceMixture.Apply(session, rollout);
        foreach (Prompt prompt in prompts)
        {
            session.Encoder.RequireSeen(prompt);
        }

        if (session.Encoder.TakeUnread() is { } unread)
        {
            progress.Say("tbrm-native: " + unread);
        }

        IReadOnlyList<EncodedPrompt> encoded = session.Encoder.Encode(prompts);
        try
        {
            IReadOnlyList<Trajectory> trajectories = rollout.Sample(encoded, config.Rollout.N, 0,
                p => progress.Show("generate", (double)p.Finished / p.Total,
                    $"{p.Finished}/{p.Total} responses"), signals.Token);
            progress.Clear();
            session.TellAboutModel(progress);
            session.WarnBeyondContext(trajectories.Max(t => t.Length), progress);
            IEnumerable<JsonObject> rows = trajectories.Select(t => Row(session, encoded[t.Group].Prompt, t));
            if (Terminal.IsWatched && parsed.GetValue(_prompt) is not null && parsed.GetValue(_output) is null
                && !parsed.GetValue(_json))
            {
                Console.Out.Write(string.Concat(rows.Select(Text)));
            }
            else
            {
                Write(parsed.GetValue(_output), rows);
            }

            int broken = trajectories.Count(t => t.End == TrajectoryEnd.NonFinite);
            if (broken > 0)
            {
                throw new TbrmUserException(ExitCode.NonFinite,
                    $"{broken} of {trajectories.Count} responses ended where the model's logits were not finite "
                        + $"(finish is NonFinite in their rows); are the weights damaged, or past the range of "
                        + $"model.dtype?");
            }

            return ExitCode.Ok;
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            progress.Say("tbrm-native: interrupted; nothing was written");
            return ExitCode.Interrupted;
        }
    }

    private IReadOnlyList<Prompt> Prompts(ParseResult parsed, RunConfig config)
    {
        if (parsed.GetValue(_prompt) is { } text)
        {
            if (parsed.GetValue(_input) is not null)
            {
                throw new ConfigException("--prompt and --in are both given; prompts come from one of them");
            }

            return [new Prompt { DataSource = "the command line", Messages = [new("user", text)], GroundTruth = "",
                Index = 0 }];
        }

        string file = parsed.GetValue(_input) ?? throw new ConfigException("generate needs --in FILE or --prompt TEXT");
        using SpooledInput input = new(file);
        PromptOptions options =
            new()
            {
                Keys = new() { Prompt = config.Data.PromptKey, DataSource = config.Data.RewardFnKey },
                NeedsAnswer = false
            };
        PromptDataset data = SpooledInput.Read([input], () => PromptDataset.Load([input.Path], options));
        return [.. Enumerable.Range(0, (int)data.Count!.Value).Select(i => data.Get(i))];
    }

    private static JsonObject Row(TrainingSession session, Prompt prompt, Trajectory trajectory) => new()
    {
        ["index"] = prompt.Index,
        ["prompt"] = prompt.Messages[^1].Content,
        ["response"] = session.Tokenizer.Decode(trajectory.ResponseIds, skipSpecialTokens: true),
        ["finish"] = trajectory.End.ToString(),
        ["response_tokens"] = trajectory.ResponseIds.Length,
        ["logp"] = trajectory.Logp.Sum(l => (double)l),
    };

    /// <summary>A response for people: how it ended, and what it is.</summary>
    internal static string Text(JsonObject row) => string.Create(CultureInfo.InvariantCulture,
        $"-- {row["response_tokens"]} tokens, {row["finish"]}, log-prob {(double)row["logp"]!:F2}\n")
        + ((string)row["response"]!).TrimEnd() + "\n";

    private static void Write(string? file, IEnumerable<JsonObject> rows)
    {
        if (file is null or SpooledInput.StandardStream)
        {
            using Stream output = Console.OpenStandardOutput();
            using JsonLinesWriter lines = new(output);
            WriteAll(lines, rows);
            return;
        }

        DiskErrors.Translated($"creating the folder of {file}",
            () => Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(file))!));
        using JsonLinesWriter writer = new(file);
        WriteAll(writer, rows);
    }

    private static void WriteAll(JsonLinesWriter writer, IEnumerable<JsonObject> rows)
    {
        foreach (JsonObject row in rows)
        {
            writer.Write(row);
        }

        writer.Complete();
    }
}
