using System;
using System.Linq;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Data.Sampling;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Optimizer;
using Tbrm.Engine.Ranks;
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
public sealed class SftStep
{
    private readonly ITrainedPolicy _policy;
    private readonly RunConfig _config;
    private readonly ISupervisedSource _source;
    private readonly IndexSampler _sampler;
    private readonly SftObjective _objective = new();

    /// <summary>A data order of its own.</summary>
    /// <param name="policy">The policy with an optimizer, whose schedule goes over so many steps; the caller's.</param>
    /// <param name="run">The configuration.</param>
    /// <param name="source">The examples.</param>
    /// <exception cref="ConfigException">The data has no end and the configuration names no number of
    /// steps.</exception>
    public SftStep(Func<long, ITrainedPolicy> policy, RunConfig run, ISupervisedSource source)
    {
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
        _policy = policy(TotalSteps);
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
        OptimizerResult result = Update(loss, step);
        _policy.ReleaseActivations();
        MetricSet metrics = new();
        metrics["training/global_step"] = step;
        metrics["training/epoch"] = _sampler.State.Epoch;
        metrics["sft/loss"] = loss;
        metrics["sft/grad_norm"] = result.GradNorm;
        metrics["sft/lr"] = _policy.LearningRate(step);
        metrics["sft/tokens"] = learned;
        metrics["sft/skipped"] = result.Applied ? 0 : 1;
        metrics["perf/total_num_tokens"] = tokens;
        return new(metrics, loss, tokens,
            result.Applied ? UpdateOutcome.Made : double.IsFinite(loss) ? UpdateOutcome.NotFinite
            : UpdateOutcome.LogitsNotFinite);
    }

    /// <summary>Cross entropy of examples that nothing is learned from, nats per learned token.</summary>
    public double Measure(ISupervisedSource heldOut, CancellationToken stop)
    {
        long count = heldOut.Count ?? throw new ArgumentException("examples to measure on must have an end");
        ScoredSequence[] examples = new ScoredSequence[count];
        for (int i = 0; i < examples.Length; i++)
        {
            examples[i] = heldOut.Get(i);
        }

        return Loss(examples, examples.Sum(s => (long)s.Rows), keep: false, stop);
    }

    /// <summary>Goes on where a checkpoint stands.</summary>
    public void Restore(SamplerState sampler) => _sampler.Restore(sampler);

    /// <summary>One update with the accumulated gradient; none, and no gradient left, when the loss is NaN or
    /// infinite.</summary>
    internal OptimizerResult Update(double loss, long step)
    {
        if (double.IsFinite(loss))
        {
            return _policy.Update(step);
        }

        _policy.Discard();
        return new(double.NaN, Applied: false, Step: 0);
    }

    /// <summary>The mean loss; with <paramref name="keep"/> its gradient is accumulated.</summary>
    private double Loss(ScoredSequence[] examples, long learned, bool keep, CancellationToken stop)
    {
        double loss = 0;
        ActorConfig actor = _config.Actor;
        try
        {
            foreach (Range range in RankSplit.Joined(MicroBatches.Cut([.. examples.Select(s => s.Length)],
                actor.PpoMaxTokenLenPerGpu, actor.PpoMicroBatchSizePerGpu), _policy.Ranks))
            {
                stop.ThrowIfCancellationRequested();
                PackedBatch packed = new(examples[range]);
                Scores scores = _policy.LogProb(packed, temperature: 1, keep, entropy: false);
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
                _policy.Discard();
            }

            throw;
        }

        return loss;
    }
}
