using System;
using System.Globalization;
using Tbrm.Core.Config;
using Tbrm.Training.Runs;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Loops;

/// <summary>
/// Counts the updates of a phase that were made, and those in a row that were not because something was not finite.
/// Says when that ends the
/// phase, and what destroyed the weights: a phase that never changed them did not.
/// </summary>
/// <param name="phase"><see cref="RunState.Train"/>, <see cref="RunState.Sft"/> or
/// <see cref="RunState.WarmStart"/>.</param>
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
        _skipped >= config.Trainer.MaxNonFiniteSteps
            ? $"{At(step)}: {Cause} {_skipped} times in a row, and those updates were not made. {Advice}" : null;

    /// <summary>Why a phase that made all its steps came to nothing; null when it came to something.</summary>
    /// <param name="step">Its last step.</param>
    public string? Outcome(long step) => step <= 0 ? null
        : Made == 0 && !_isSeen
            ? $"{At(step)}: the run has made all its steps, and no update in any of them; metrics.jsonl shows why "
                + $"(actor/skipped, sft/skipped, rollout/non_finite)"
        : Made == 0 && !_wasAnyNotFinite
            ? $"{At(step)}: no update was made in any step, because no response was left to learn from. Look at "
                + $"algorithm.tbrm.truncation (it is {config.Algorithm.Tbrm.Truncation}) and reward.on_error (it is "
                + $"{config.Reward.OnError})"
        : Made == 0 ? $"{At(step)}: no update was made in any step, because {Cause}. {Advice}"
        : phase == RunState.WarmStart && _skipped > 0 && !_isForwardFinite
            ? $"{At(step)}: it ends with weights whose {Cause}. {Advice}"
        : null;

    private string Cause => phase == RunState.Train ? "logits, loss or gradient were not finite"
        : "loss or gradient were not finite";

    private string Advice => Made == 0 && !_isForwardFinite ? NonFiniteAdvice.BeforeFirstUpdate(phase, config)
        : Made == 0 ? Lead(
            "The logits were finite and no step has changed the weights, so it is the loss or its gradient that "
                + "overflowed", config.Algorithm.Tbrm.Beta)
        : phase == RunState.Train
            ? FormattableString.Invariant(
            $"Lower actor.optim.lr (it is {config.Actor.Optim.Lr}), or raise algorithm.tbrm.beta")
        : NonFiniteAdvice.ForWarmStart(config);

    private string Lead(string found, double beta) => phase == RunState.Train
        ? string.Create(CultureInfo.InvariantCulture,
            $"{found}: look at the rewards (critic/rewards/max in metrics.jsonl), or raise algorithm.tbrm.beta (it is "
                + $"{beta})")
        : $"{found}: look at the weights (their largest values) and model.dtype={config.Model.Dtype}";

    private string At(long step) => phase switch
    {
        RunState.WarmStart => $"step {step} of the warm start",
        RunState.Sft => $"step {step} of sft",
        _ => $"step {step}",
    };
}
