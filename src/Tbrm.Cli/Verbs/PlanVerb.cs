using System.CommandLine;
using Tbrm.Core.Config;
using Tbrm.Training.Config;
using Tbrm.Training.Runs;

namespace Tbrm.Cli.Verbs;

/// <summary><c>plan</c>: what train (or sft) would print with --dry-run.</summary>
internal sealed class PlanVerb : IVerb
{
    private readonly RunOptions _run = new();
    private readonly Option<bool> _sft = new("--sft") { Description = "Plans sft instead of train" };
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object instead of YAML" };

    public Command Create()
    {
        Command command = new(
            "plan", "Prints the resolved configuration, the batch arithmetic and the memory plan of a run");
        _run.AddTo(command);
        command.Options.Add(_sft);
        command.Options.Add(_json);
        command.SetAction(parsed =>
        {
            bool isSft = parsed.GetValue(_sft);
            RunConfig config = isSft ? _run.Load(parsed, RunState.Sft, defaults: EmbeddedPresets.SftDefaults.Entries)
                : _run.Load(parsed);
            return (int)PlanOutput.Print(config, isSft ? RunState.Sft : RunState.Train, parsed.GetValue(_json));
        });
        return command;
    }
}
