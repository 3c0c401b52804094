using System;
using System.Linq;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Data.Sampling;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Engine.Optimizer;
using Tbrm.Objectives;
using Tbrm.Training.Metrics;
using Tbrm.Training.Prompts;

namespace Tbrm.Training.Steps;

/// <summary>What one supervised step produced besides the new weights.</summary>
/// <param name="Metrics">The numbers of the step.</param>
/// <param name="Loss">Cross entropy of the examples before the update, nats per learned token.</param>
/// <param name="Tokens">Tokens of prompts and responses.</param>
/// <param name="Update">Whether the weights were updated; where they were not, they are unchanged.</param>
public sealed record SftOutcome(MetricSet Metrics, double Loss, long Tokens, UpdateOutcome Update);

/// <summary>
/// A supervised step: the next examples, cross entropy per learned token, one optimizer step. Examples are packed end
/// to end without padding;
/// a micro-batch holds as many as actor.ppo_max_token_len_per_gpu tokens.
/// </summary>
public sealed class SftStep : IDisposable
{
    private readonly Policy _policy;
    private readonly RunConfig _config;
    private readonly ISupervisedSource _source;
    private readonly IndexSampler _sampler;
    private readonly AdamW _optimizer;
    private readonly LearningRate _schedule;
    private readonly SftObjective _objective = new();

    /// <summary>An optimizer and a data order of its own.</summary>
    /// <exception cref="ConfigException">The data has no end and the configuration names no number of
    /// steps.</exception>
    public SftStep(Policy policy, RunConfig run, ISupervisedSource source)
    {
        _policy = policy;
        _config = run;
        _source = source;
        SftConfig config = run.Sft;
        _sampler = new(source.Count, new()
        {
            BatchSize = config.TrainBatchSize,
            BatchSizeKey = "sft.train_batch_size",
            Shuffle = run.Data.Shuffle,
            // Another order than the reinforcement steps see.
            Seed = ~(ulong)run.Data.Seed,
        });
        TotalSteps = config.TotalTrainingSteps > 0 ? config.TotalTrainingSteps
            : _sampler.BatchesPerEpoch * run.Trainer.TotalEpochs
                ?? throw new ConfigException("a task has no epochs: set sft.total_training_steps");
        _schedule = new(config.Optim, TotalSteps);
        _optimizer = new(policy, config.Optim);
    }

    /// <summary>Steps of the whole run.</summary>
    public long TotalSteps { get; }

    /// <summary>Where the examples stand.</summary>
    public SamplerState SamplerState => _sampler.State;

    /// <summary>Makes step number <paramref name="step"/> (from 1). Stopped in the middle, it has changed nothing but
    /// the sampler.</summary>
    public SftOutcome Run(long step, CancellationToken stop)
    {
        ScoredSequence[] examples = Array.ConvertAll(_sampler.Next()!, _source.Get);
        long learned = examples.Sum(s => (long)s.Rows), tokens = examples.Sum(s => (long)s.Length);
        double loss = Loss(examples, learned, keep: true, stop);
        double learningRate = _schedule.At(step);
        OptimizerResult result = Update(loss, learningRate);
        _policy.ReleaseActivations();
        MetricSet metrics = new();
        metrics["training/global_step"] = step;
        metrics["training/epoch"] = _sampler.State.Epoch;
        metrics["sft/loss"] = loss;
        metrics["sft/grad_norm"] = result.GradNorm;
        metrics["sft/lr"] = learningRate;
        metrics["sft/tokens"] = learned;
        metrics["sft/skipped"] = result.Applied ? 0 : 1;
        metrics["perf/total_num_tokens"] = tokens;
        return new(metrics, loss, tokens,
            result.Applied ? UpdateOutcome.Made : double.IsFinite(loss) ? UpdateOutcome.NotFinite
            : UpdateOutcome.LogitsNotFinite);
    }

    /// <summary>Cross entropy of examples that nothing is learned from, nats per learned token.</summary>
    public double Measure(ISupervisedSource held, CancellationToken stop)
    {
        ScoredSequence[] examples =
            new ScoredSequence[held.Count ?? throw new ArgumentException("examples to measure on must have an end")];
        for (int i = 0; i < examples.Length; i++)
        {
            examples[i] = held.Get(i);
        }

        return Loss(examples, examples.Sum(s => (long)s.Rows), keep: false, stop);
    }

    /// <summary>Writes the optimizer's state.</summary>
    public void Save(string path) => _optimizer.Save(path);

    /// <summary>Goes on where a checkpoint stands.</summary>
    public void Restore(string optimizerPath, SamplerState sampler)
    {
        _optimizer.Load(optimizerPath);
        _sampler.Restore(sampler);
    }

    /// <inheritdoc/>
    public void Dispose() => _optimizer.Dispose();

    /// <summary>One update with the accumulated gradient; none, and no gradient left, when the loss is NaN or
    /// infinite.</summary>
    internal OptimizerResult Update(double loss, double learningRate)
    {
        if (double.IsFinite(loss))
        {
            return _optimizer.Step(learningRate, _config.Sft.GradClip);
        }

        _policy.ZeroGradient();
        return new(double.NaN, Applied: false, Step: 0);
    }

    /// <summary>The mean loss; with <paramref name="keep"/> its gradient is accumulated.</summary>
    private double Loss(ScoredSequence[] examples, long learned, bool keep, CancellationToken stop)
    {
        double loss = 0;
        ActorConfig actor = _config.Actor;
        try
        {
            foreach (Range range in MicroBatches.Cut(
                [.. examples.Select(s => s.Length)], actor.PpoMaxTokenLenPerGpu, actor.PpoMicroBatchSizePerGpu))
            {
                stop.ThrowIfCancellationRequested();
                PackedBatch packed = new(examples[range]);
                Scores scores = _policy.LogProb(packed, temperature: 1, keep);
                ObjectiveResult result = _objective.Evaluate(new()
                {
                    RowOffsets = packed.RowOffsets,
                    Q = Array.ConvertAll(scores.Q, q => (double)q),
                    V = Array.ConvertAll(scores.V, v => (double)v),
                    Weight = [.. Enumerable.Repeat(1.0 / learned, packed.RowOffsets.Length - 1)],
                });
                if (keep)
                {
                    _policy.Backward(Array.ConvertAll(result.DQ, d => (float)d),
                        Array.ConvertAll(result.DV, d => (float)d), []);
                }

                loss += result.Loss;
            }
        }
        catch
        {
            if (keep)
            {
                _policy.ZeroGradient();
            }

            throw;
        }

        return loss;
    }
}
