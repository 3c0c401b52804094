using System;
using Tbrm.Core.Config;
using Tbrm.Training.Loops;

namespace Tbrm.Training.Runs;

/// <summary>What came of a step's update.</summary>
public enum UpdateOutcome
{
    /// <summary>The weights were updated.</summary>
    Made,

    /// <summary>Logits were finite; loss or gradient were not.</summary>
    NotFinite,

    /// <summary>The policy's logits, or the loss of its forward pass, were not finite: no gradient is to blame.</summary>
    LogitsNotFinite,

    /// <summary>No response was left to learn from.</summary>
    NothingToLearn,
}

/// <summary>
/// Counts the updates of a phase that were made, and those in a row that were not because something was not finite. Says when that ends the
/// phase, and what destroyed the weights: a phase that never changed them did not.
/// </summary>
/// <param name="phase"><see cref="RunState.Train"/>, <see cref="RunState.Sft"/> or <see cref="RunState.WarmStart"/>.</param>
/// <param name="config">The run's.</param>
/// <param name="made">Updates that earlier processes made.</param>
internal sealed class UpdateCount(string phase, RunConfig config, long made)
{
    private int _skipped;
    private bool _isForwardFinite = true;
    private bool _wasAnyNotFinite, _isSeen;

    /// <summary>Updates made so far.</summary>
    public long Made { get; private set; } = made;

    /// <summary>Takes in a step.</summary>
    public void Add(UpdateOutcome outcome)
    {
        bool isFinite = outcome is UpdateOutcome.Made or UpdateOutcome.NothingToLearn;
        Made += outcome == UpdateOutcome.Made ? 1 : 0;
        _skipped = isFinite ? 0 : _skipped + 1;
        _isForwardFinite = outcome != UpdateOutcome.LogitsNotFinite;
        _wasAnyNotFinite |= !isFinite;
        _isSeen = true;
    }

    /// <summary>Why the phase cannot go on after this step; null when it can.</summary>
    public string? Patience(long step) =>
        _skipped >= config.Trainer.MaxNonFiniteSteps ? $"{At(step)}: {Cause} {_skipped} times in a row, and those updates were not made. {Advice}" : null;

    /// <summary>Why a phase that made all its steps came to nothing; null when it came to something.</summary>
    /// <param name="step">Its last step.</param>
    public string? Outcome(long step) => step <= 0 ? null
        : Made == 0 && !_isSeen ? $"{At(step)}: the run has made all its steps, and no update in any of them; metrics.jsonl shows why (actor/skipped, sft/skipped, rollout/non_finite)"
        : Made == 0 && !_wasAnyNotFinite
            ? $"{At(step)}: no update was made in any step, because no response was left to learn from. Look at algorithm.tbrm.truncation (it is {config.Algorithm.Tbrm.Truncation}) and reward.on_error (it is {config.Reward.OnError})"
        : Made == 0 ? $"{At(step)}: no update was made in any step, because {Cause}. {Advice}"
        : phase == RunState.WarmStart && _skipped > 0 && !_isForwardFinite ? $"{At(step)}: it ends with weights whose {Cause}. {Advice}"
        : null;

    /// <summary>What to try when a phase's first steps find logits that are not finite: its own settings are not to blame.</summary>
    public static string AdviceBeforeFirstUpdate(string phase, RunConfig config) => true switch
    {
        _ when config.Model.Path.Length > 0 => $"This run has not changed the weights yet: those of model.path ({config.Model.Path}) are damaged, or too large for model.dtype={config.Model.Dtype}",
        _ when phase == RunState.Train && config.Sft.TotalTrainingSteps > 0 => $"No step has changed the weights since the warm start, which destroyed them. {WarmStartAdvice(config)}",
        _ => FormattableString.Invariant($"No step has changed the weights yet: random ones as large as model.scratch.initializer_range={config.Model.Scratch.InitializerRange} are too large"),
    };

    private string Cause => phase == RunState.Train ? "logits, loss or gradient were not finite" : "loss or gradient were not finite";

    private string Advice => Made == 0 && !_isForwardFinite ? AdviceBeforeFirstUpdate(phase, config)
        : Made == 0 ? Lead("The logits were finite and no step has changed the weights, so it is the loss or its gradient that overflowed", config.Algorithm.Tbrm.Beta)
        : phase == RunState.Train ? FormattableString.Invariant($"Lower actor.optim.lr (it is {config.Actor.Optim.Lr}), or raise algorithm.tbrm.beta")
        : WarmStartAdvice(config);

    private string Lead(string found, double beta) => phase == RunState.Train
        ? FormattableString.Invariant($"{found}: look at the rewards (critic/rewards/max in metrics.jsonl), or raise algorithm.tbrm.beta (it is {beta})")
        : $"{found}: look at the weights (their largest values) and model.dtype={config.Model.Dtype}";

    private static string WarmStartAdvice(RunConfig config) => FormattableString.Invariant($"Lower sft.optim.lr (it is {config.Sft.Optim.Lr}), or lengthen its warm-up");

    private string At(long step) => phase switch
    {
        RunState.WarmStart => $"step {step} of the warm start",
        RunState.Sft => $"step {step} of sft",
        _ => $"step {step}",
    };
}
