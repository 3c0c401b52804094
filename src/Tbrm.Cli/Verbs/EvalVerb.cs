using System;
using System.CommandLine;
using System.IO;
using Tbrm.Core;
using Tbrm.Training;

namespace Tbrm.Cli.Verbs;

/// <summary><c>eval</c>: asks a policy the evaluation prompts and prints the scores.</summary>
internal sealed class EvalVerb : IVerb
{
    private readonly RunOptions _run = new();
    private readonly Option<string?> _output = new("--out") { Description = "Writes every response with its score here, as JSON lines", HelpName = "FILE" };

    public Command Create()
    {
        Command command = new("eval", "Evaluates a model: model.path=DIR with data.val_files=[...] or data.task=NAME");
        _run.AddTo(command);
        command.Options.Add(_output);
        command.SetAction(parsed => (int)Run(parsed));
        return command;
    }

    private ExitCode Run(ParseResult parsed)
    {
        RunConfig config = _run.Load(parsed);
        if (config.Model.Path.Length == 0)
        {
            throw new ConfigException("eval needs a trained model: model.path=DIR, such as a checkpoint's actor/huggingface folder");
        }

        using StopSignals signals = new();
        TerminalProgress progress = new(Console.Error, !Console.IsErrorRedirected);
        using TrainingSession session = TrainingSession.Open(config, trainable: false);
        using RolloutStage rollout = new(session.Policy, session.Tokenizer, config, session.StopIds);
        try
        {
            Evaluation evaluation = new Evaluator(session, rollout, progress).Run(0, signals.Token);
            if (parsed.GetValue(_output) is { } file)
            {
                RunFolder.WriteLines(Path.GetFullPath(file), evaluation.Rows);
            }

            Console.Out.WriteLine(evaluation.Metrics.ToConsoleLine(0));
            progress.Say(FormattableString.Invariant($"{evaluation.Accuracy:P2} of {evaluation.Rows.Count} responses"));
            return ExitCode.Ok;
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            progress.Say("tbrm-native: interrupted; nothing was written");
            return ExitCode.Interrupted;
        }
    }
}
