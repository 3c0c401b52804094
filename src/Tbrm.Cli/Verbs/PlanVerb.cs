using System.CommandLine;
using System.CommandLine.Completions;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Objectives;
using Tbrm.Training.Config;
using Tbrm.Training.Plans;
using Tbrm.Training.Runs;

namespace Tbrm.Cli.Verbs;

/// <summary><c>plan</c>: what train (or sft) would print with --dry-run.</summary>
internal sealed class PlanVerb : IVerb
{
    private readonly RunOptions _run = new();
    private readonly Option<bool> _sft = new("--sft") { Description = "Plans sft instead of train" };
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object instead of YAML" };

    private readonly Option<string?> _algorithm =
        new("--algorithm") { Description = "Plans another algorithm (algorithm.name)", HelpName = "NAME" };

    private readonly Option<string?> _memory = new("--device-memory")
    {
        Description = "Plans for a device with so much memory, 80GB or 75GiB: a GPU, or with trainer.device=cpu a CPU",
        HelpName = "SIZE",
    };

    private readonly Option<int?> _devices = new("--devices")
    {
        Description = "Plans for so many devices instead of trainer.n_gpus_per_node x nnodes; what they share says "
            + "trainer.zero_stage",
        HelpName = "N",
    };

    public Command Create()
    {
        Command command = new(
            "plan", "Prints the resolved configuration, the batch arithmetic and the memory plan of a run");
        _run.AddTo(command);
        command.Options.Add(_sft);
        command.Options.Add(_json);
        command.Options.Add(_algorithm);
        command.Options.Add(_memory);
        command.Options.Add(_devices);
        _algorithm.CompletionSources.Add(_ => AlgorithmTable.Names.Select(n => new CompletionItem(n)));
        command.SetAction(parsed =>
        {
            bool isSft = parsed.GetValue(_sft);
            string? algorithm = parsed.GetValue(_algorithm);
            if (algorithm is not null && isSft)
            {
                throw new ConfigException("--algorithm has no meaning with --sft: supervised steps have none");
            }

            RunConfig config = isSft ? _run.Load(parsed, RunState.Sft, defaults: EmbeddedPresets.SftDefaults.Entries)
                : _run.Load(parsed, above: algorithm is null ? null
                    : [ConfigEntry.FromArgument("algorithm.name=" + algorithm)]);
            int? devices = parsed.GetValue(_devices);
            string? memory = parsed.GetValue(_memory);
            PlanTarget target = devices is null && memory is null ? PlanTarget.OfRun(config.Trainer)
                : PlanTarget.Of(config.Trainer.Device, config.Trainer.Threads, memory,
                    devices ?? PlanTarget.RanksOf(config.Trainer));
            return (int)PlanOutput.Print(config, isSft ? RunState.Sft : RunState.Train, parsed.GetValue(_json), target);
        });
        return command;
    }
}
