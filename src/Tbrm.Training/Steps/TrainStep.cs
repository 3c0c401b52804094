using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Tbrm.Core;
using Tbrm.Data;
using Tbrm.Engine;

namespace Tbrm.Training;

/// <summary>What one step produced besides the new weights.</summary>
/// <param name="Metrics">Under verl's names.</param>
/// <param name="Prompts">The prompts, in order.</param>
/// <param name="Trajectories">n per prompt, samples of a prompt together.</param>
/// <param name="Judged">One verdict per trajectory.</param>
/// <param name="Update">Whether the weights were updated; where they were not, they are unchanged.</param>
public sealed record StepOutcome(
    MetricSet Metrics, IReadOnlyList<EncodedPrompt> Prompts, IReadOnlyList<Trajectory> Trajectories, JudgedResponse[] Judged, UpdateOutcome Update);

/// <summary>
/// One iteration of Algorithm 1 of arXiv 2505.15311: prompts, trajectories of the present policy, rewards, reference log-probs, the gradient
/// of the squared residuals over all of them, one optimizer step. Every stage is one word, the same in every layer.
/// </summary>
public sealed class TrainStep(TrainingSession session, PromptSampler sampler, RolloutStage rollout, ReferencePolicy reference, AdamW optimizer,
    LearningRate schedule, PhaseClock clock, IProgressDisplay progress)
{
    private readonly RunConfig _config = session.Config;
    private readonly UpdateStage _update = new(session.Policy, session.Config);

    /// <summary>Makes step number <paramref name="step"/> (from 1). Stopped in the middle, it has changed nothing but the sampler.</summary>
    public StepOutcome? Run(long step, CancellationToken stop)
    {
        if (sampler.Next() is not { } batch)
        {
            return null;
        }

        IReadOnlyList<EncodedPrompt> prompts = session.Encoder.Encode(batch);
        long preemptions = rollout.Counts.Preemptions;
        IReadOnlyList<Trajectory> trajectories = clock.Measure("gen", () => rollout.Train(prompts, FirstId(step), Show(step, "rollout"), stop));
        rollout.ReleasePages();
        JudgedResponse[] judged = clock.Measure("reward", () => session.Reward.Judge(prompts, trajectories, stop));
        TrajectoryBatch tau = new(trajectories, [.. judged.Select(j => j.Verdict)], _config);

        IReadOnlyList<ReferenceScores> logpRef = clock.Measure("ref", () => ReferenceStage.Score(reference, tau, Temperature, stop));
        UpdateResult residual = clock.Measure("update_actor", () => _update.Accumulate(tau, logpRef, stop));
        double learningRate = schedule.At(step);
        OptimizerResult update = clock.Measure("update_actor", () => tau.NonFinite > 0 || tau.LossTrajectories == 0 || !double.IsFinite(residual.Loss)
            ? Skip()
            : optimizer.Step(learningRate, _config.Actor.GradClip));
        session.Policy.ReleaseActivations();

        UpdateOutcome outcome = tau.NonFinite > 0 ? UpdateOutcome.LogitsNotFinite
            : tau.LossTrajectories == 0 ? UpdateOutcome.NothingToLearn
            : update.Applied ? UpdateOutcome.Made : UpdateOutcome.NotFinite;
        MetricSet metrics = StepMetrics.Of(step, sampler.State.Epoch, tau, judged, residual, update, learningRate, _config);
        metrics["rollout/preemptions"] = rollout.Counts.Preemptions - preemptions;
        StepMetrics.AddSources(metrics, prompts, tau, judged);
        return new(metrics, prompts, trajectories, judged, outcome);
    }

    private float Temperature => _config.Rollout.Temperature > 0 ? (float)_config.Rollout.Temperature : 1;

    /// <summary>Ids are a function of the step, so that a resumed run draws what the first one would have drawn.</summary>
    private long FirstId(long step) => (step - 1) * _config.Data.TrainBatchSize * _config.Rollout.N;

    private OptimizerResult Skip()
    {
        session.Policy.ZeroGradient();
        return new(double.NaN, Applied: false, Step: -1);
    }

    private Action<RolloutProgress> Show(long step, string phase) => p =>
        progress.Show($"step {step} {phase}", (double)p.Finished / p.Total, $"{p.Finished}/{p.Total} responses, {p.Tokens} tokens");
}
