using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Engine.Optimizer;

namespace Tbrm.Cli.Benchmarks;

/// <summary><c>bench step</c>: log-probs of a packed batch, the gradient of the residual's form, and AdamW.</summary>
internal sealed class StepCase(ShapedModel model) : BenchCase(
    "training step", $"{model.Name}, {Sequences} sequences of {Length}, half of it response", model.Type)
{
    private const int Sequences = 4, Length = 128, Response = Length / 2;

    private readonly float[] _slopes =
        [.. Enumerable.Range(0, Sequences * Response).Select(r => ((r % 7) - 3) * 1e-3f)];

    private AdamW? _optimizer;
    private PackedBatch? _batch;

    private float[] Falling => [.. _slopes.Select(s => -s)];

    /// <summary>Along a direction of a norm's weight in the first layer, which every later kernel's gradient goes into,
    /// the gradient is what a difference of the loss says.</summary>
    public override double Check()
    {
        Policy policy = model.Policy;
        _batch = new([.. model.Ids(Sequences, Length).Select(ids =>
            new ScoredSequence(ids.AsMemory(0, Length - Response), ids.AsMemory(Length - Response)))]);
        _optimizer = new(policy, new());
        Work = StepWork();
        TensorInfo tensor = policy.BaseTensors().First(t => t.Name.EndsWith("layers.0.input_layernorm.weight",
            StringComparison.Ordinal));
        policy.ZeroGradient();
        policy.LogProb(_batch, temperature: 1, keep: true);
        policy.Backward(_slopes, Falling, []);
        float[] gradient = policy.ReadGradient(tensor), weight = policy.ReadTensor(tensor);
        policy.ZeroGradient();
        double norm = Math.Sqrt(gradient.Sum(g => (double)g * g));
        // bf16 rounds the loss; a longer step stays above that.
        double step = model.Type == "bf16" ? 0.25 : 0.05, allowed = model.Type == "bf16" ? 0.2 : 0.02;
        double Loss(double sign)
        {
            policy.WriteTensor(tensor,
                gradient.Select((g, i) => (float)(weight[i] + (sign * step * g / norm))).ToArray());
            Scores scores = policy.LogProb(_batch, temperature: 1);
            return scores.Q.Select((q, r) => ((double)q - scores.V[r]) * _slopes[r]).Sum();
        }

        double slope = (Loss(1) - Loss(-1)) / (2 * step);
        policy.WriteTensor(tensor, weight);
        return Math.Abs(slope - norm) / (allowed * norm) is var share && double.IsFinite(share) ? share
            : double.PositiveInfinity;
    }

    public override IEnumerable<double> Measure()
    {
        long start = Stopwatch.GetTimestamp();
        model.Policy.LogProb(_batch!, temperature: 1, keep: true);
        model.Policy.Backward(_slopes, Falling, []);
        _optimizer!.Step(1e-6, 1);
        yield return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public override void Dispose()
    {
        _optimizer?.Dispose();
        _optimizer = null;
        base.Dispose();
    }

    /// <summary>Forward, and twice as much backward; attention's gradient has five products where the forward has two.
    /// The optimizer reads and writes 28 bytes a weight.</summary>
    private BenchWork StepWork()
    {
        double tokens = Sequences * Length, pairs = tokens * (Length + 1) / 2;
        return new(tokens, "tokens",
            (6 * model.BodyWeights * tokens) + (6 * model.HeadWeights * Sequences * Response)
                + (3.5 * model.AttentionFlops(pairs)),
            28 * (model.BodyWeights + model.HeadWeights));
    }
}
