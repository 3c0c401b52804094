using System.Collections.Generic;

namespace Tbrm.Core.Config;

/// <summary>Section <c>trainer</c>: steps, evaluation, checkpoints, device.</summary>
public sealed record TrainerConfig
{
    /// <summary><c>cpu</c>, <c>cuda</c>, <c>cuda:1</c>, or <c>auto</c> (cuda when there is one). <c>torch:cpu</c>,
    /// <c>torch:cuda:1</c>: libtorch's kernels instead of ours where it has them (docs/guide/torch.md); the log-probs
    /// of a rollout are then not the trainer's to the bit.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>CPU threads; 0 = all cores that the process may use. The result does not depend on it.</summary>
    [AllowedRange(0, 4096)]
    public int Threads { get; init; }

    /// <summary>Ranks of a node that share every step: contexts of the CPU with trainer.threads divided among them, or
    /// with several nodes processes (docs/guide/ranks.md). The tokens of a rollout do not depend on it, gradients by
    /// rounding only.</summary>
    [AllowedRange(1, 64)]
    public int NGpusPerNode { get; init; } = 1;

    /// <summary>Nodes. With more than 1, nnodes times n_gpus_per_node processes make the run, one rank each, started
    /// with the same command by torchrun, Slurm or Open MPI.</summary>
    [AllowedRange(1, 1024)]
    public int Nnodes { get; init; } = 1;

    /// <summary>What each rank holds a share of alone (ZeRO): 1: Adam's moments, and the fp32 masters of bf16 weights;
    /// 2: the gradients too, which are then added up over the ranks after every micro-batch; 0: nothing, every rank has
    /// all. 0 and 1 give the same bits, and 1 moves fewer bytes.</summary>
    [AllowedRange(0, 2)]
    [RelevantWhen("trainer.n_gpus_per_node or trainer.nnodes is more than 1")]
    public int ZeroStage { get; init; } = 1;

    /// <summary>Seconds that the processes of several nodes wait for each other at the start.</summary>
    [AllowedRange(1, 86400)]
    [RelevantWhen("trainer.nnodes is more than 1")]
    public double RankStartS { get; init; } = 300;

    /// <summary>Seconds for which a process may be silent before the others give it up; it speaks every second,
    /// whatever it computes.</summary>
    [AllowedRange(0.5, 86400)]
    [RelevantWhen("trainer.nnodes is more than 1")]
    public double RankLostS { get; init; } = 60;

    /// <summary>Says so when nothing of the run has moved for so many seconds: the phase, and what every rank does; 0 =
    /// never.</summary>
    [AllowedRange(0, 1e6)]
    public double WatchdogS { get; init; } = 600;

    /// <summary>Log-probs of a rollout equal those of the trainer bit for bit; false: faster products on a GPU. A CPU
    /// always does the former.</summary>
    [RelevantWhen("trainer.device is cuda")]
    public bool BatchInvariant { get; init; } = true;

    /// <summary>Keys initial weights and every random stream.</summary>
    [AllowedRange(0, 9e15)]
    public long Seed { get; init; } = 1;

    /// <summary>Optimizer steps; -1 = total_epochs over the data.</summary>
    [AllowedRange(-1, 1e9)]
    public long TotalTrainingSteps { get; init; } = -1;

    /// <summary>Passes over the training prompts, used when total_training_steps is -1.</summary>
    [AllowedRange(1, 1e9)]
    [RelevantWhen("trainer.total_training_steps=-1")]
    public int TotalEpochs { get; init; } = 1;

    /// <summary>The first step in which the policy is updated; before it only the critic is.</summary>
    [AllowedRange(0, 1e9)]
    [RelevantWhen("the algorithm has a critic (ppo)")]
    public long CriticWarmup { get; init; }

    /// <summary>Names the run folder and the checkpoint folder.</summary>
    public string ProjectName { get; init; } = "tbrm";

    /// <summary>Names the run folder and the checkpoint folder.</summary>
    public string ExperimentName { get; init; } = "run";

    /// <summary>Where everything of the run goes; empty = runs/{project}-{experiment}-{time}.</summary>
    public string RunDir { get; init; } = "";

    /// <summary>Checkpoints; empty = checkpoints/ in the run folder.</summary>
    public string DefaultLocalDir { get; init; } = "";

    /// <summary>Evaluates before the first step.</summary>
    public bool ValBeforeTrain { get; init; } = true;

    /// <summary>Evaluates every so many steps, and after the last; -1 = after the last only.</summary>
    [AllowedRange(-1, 1e9)]
    public int TestFreq { get; init; } = -1;

    /// <summary>Saves every so many steps, and after the last; -1 = after the last only.</summary>
    [AllowedRange(-1, 1e9)]
    public int SaveFreq { get; init; } = -1;

    /// <summary>Saves also when an evaluation finds the best accuracy so far (without accuracies, the smallest loss),
    /// so that the best checkpoint is there to keep.</summary>
    public bool SaveBest { get; init; } = true;

    /// <summary>Checkpoints kept besides the best; older ones are deleted; 0 = all.</summary>
    [AllowedRange(0, 1e6)]
    public int MaxActorCkptToKeep { get; init; } = 2;

    /// <summary><c>auto</c>: from the run folder's newest checkpoint, if any. <c>resume_path</c>: from
    /// resume_from_path.</summary>
    [AllowedWords("auto", "disable", "resume_path")]
    public string ResumeMode { get; init; } = "auto";

    /// <summary>A global_step_N folder.</summary>
    [RelevantWhen("trainer.resume_mode=resume_path")]
    public string ResumeFromPath { get; init; } = "";

    /// <summary>
    /// What a run shows. <c>auto</c>: a block of lines that is drawn over again where stderr is a terminal, and verl's
    /// line per step where stdout is none.
    /// <c>block</c>: never verl's lines. <c>verl</c>: them in any case. <c>quiet</c>: warnings and errors alone.
    /// </summary>
    [AllowedWords("auto", "block", "verl", "quiet")]
    public string Console { get; init; } = "auto";

    /// <summary>Responses of every step that are printed with prompt and score.</summary>
    [AllowedRange(0, 1000)]
    public int PrintSamples { get; init; }

    /// <summary>Metric sinks.</summary>
    public List<string> Logger { get; init; } = ["console", "file", "tensorboard"];

    /// <summary>Writes every response with its score to rollouts/{step}.jsonl.</summary>
    public bool DumpRollouts { get; init; } = true;

    /// <summary>Consecutive steps whose gradient is not finite before the run gives up (exit code 5).</summary>
    [AllowedRange(1, 1e6)]
    public int MaxNonFiniteSteps { get; init; } = 3;

    /// <summary>Stops with an error when rollout and trainer log-probs differ by more; -1 = only reports.</summary>
    [AllowedRange(-1, 1e3)]
    public double MaxRolloutProbsDiff { get; init; } = -1;
}
