using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Threading;
using Tbrm.Core;
using Tbrm.Data;
using Tbrm.Engine;
using Tbrm.Objectives;

namespace Tbrm.Training;

/// <summary>Supervised steps on prompts and their answers: cross entropy per response token, the end token included.</summary>
public sealed class SftLoop(TrainingSession session, IProgressDisplay progress)
{
    private readonly SftConfig _config = session.Config.Sft;
    private readonly SftObjective _objective = new();

    /// <summary>
    /// Runs the configured number of steps with an optimizer of its own; <paramref name="onStep"/> gets the metrics of each. Returns the
    /// last loss, nats per token.
    /// </summary>
    public double Run(IPromptSource source, Func<Prompt, string> answerOf, Action<long, MetricSet>? onStep, CancellationToken stop)
    {
        PromptSampler sampler = new(source, new()
        {
            BatchSize = _config.TrainBatchSize,
            Shuffle = session.Config.Data.Shuffle,
            // Another order than the reinforcement steps see.
            Seed = ~(ulong)session.Config.Data.Seed,
        });
        using AdamW optimizer = new(session.Policy, _config.Optim);
        LearningRate schedule = new(_config.Optim, _config.TotalTrainingSteps);
        double loss = double.NaN;
        for (long step = 1; step <= _config.TotalTrainingSteps && sampler.Next() is { } prompts; step++)
        {
            (loss, long tokens) = Accumulate(prompts, answerOf, stop);
            double learningRate = schedule.At(step);
            OptimizerResult result = optimizer.Step(learningRate, _config.GradClip);
            if (!result.Applied)
            {
                throw new TbrmUserException(ExitCode.NonFinite,
                    $"supervised step {step}: the gradient norm is {result.GradNorm}; lower sft.optim.lr (it is {_config.Optim.Lr})");
            }

            MetricSet metrics = new();
            metrics["sft/loss"] = loss;
            metrics["sft/grad_norm"] = result.GradNorm;
            metrics["sft/lr"] = learningRate;
            metrics["sft/tokens"] = tokens;
            onStep?.Invoke(step, metrics);
            progress.Show("warm start", (double)step / _config.TotalTrainingSteps,
                string.Create(CultureInfo.InvariantCulture, $"{step}/{_config.TotalTrainingSteps}, loss {loss:F3}"));
        }

        progress.Clear();
        return loss;
    }

    private (double Loss, long Tokens) Accumulate(IReadOnlyList<Prompt> prompts, Func<Prompt, string> answerOf, CancellationToken stop)
    {
        ScoredSequence[] sequences = [.. prompts.Select(p => Sequence(p, answerOf(p)))];
        long tokens = sequences.Sum(s => (long)s.Response.Length);
        double loss = 0;
        try
        {
            foreach (Range range in MicroBatches.Cut([.. sequences.Select(s => s.Length)], session.Config.Actor.PpoMaxTokenLenPerGpu))
            {
                stop.ThrowIfCancellationRequested();
                PackedBatch packed = new(sequences[range]);
                Scores scores = session.Policy.LogProb(packed, temperature: 1, keep: true);
                ObjectiveResult result = _objective.Evaluate(new()
                {
                    RowOffsets = packed.RowOffsets,
                    Q = scores.Q,
                    V = scores.V,
                    Reward = new float[packed.RowOffsets.Length - 1],
                    Weight = [.. Enumerable.Repeat(1f / tokens, packed.RowOffsets.Length - 1)],
                });
                session.Policy.Backward(result.DQ, result.DV, []);
                loss += result.Loss;
            }
        }
        catch
        {
            session.Policy.ZeroGradient();
            throw;
        }

        return (loss, tokens);
    }

    private ScoredSequence Sequence(Prompt prompt, string answer)
    {
        int[] response = session.Tokenizer.Encode(answer);
        int[] ended = session.Tokenizer.EosId is int eos ? [.. response, eos] : response;
        int limit = session.Config.Data.MaxResponseLength;
        return new(session.Encoder.Encode(prompt).Ids, ended.Length > limit ? ended[..limit] : ended);
    }
}
