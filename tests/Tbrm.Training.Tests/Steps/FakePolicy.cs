using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Optimizer;
using Tbrm.Engine.Rollout;
using Tbrm.Objectives;
using Tbrm.Objectives.Bellman;
using Tbrm.Training.Prompts;
using Tbrm.Training.Runs;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Tests.Steps;

/// <summary>
/// A policy small enough to be read: a table of logits by previous token. Its gradient is the exact dz = dQ e_a + dV p
/// + dH dH/dz, its optimizer
/// is gradient descent.
/// </summary>
internal sealed class FakePolicy : ITrainedPolicy, IReferenceScorer
{
    public const int Vocabulary = 12;

    private readonly double[,] _logits = new double[Vocabulary, Vocabulary];
    private PackedBatch? _kept;
    private float _temperature = 1;

    public FakePolicy(int seed = 1)
    {
        Random random = new(seed);
        for (int s = 0; s < Vocabulary; s++)
        {
            for (int a = 0; a < Vocabulary; a++)
            {
                _logits[s, a] = 2 * random.NextDouble() - 1;
            }
        }
    }

    public string Name => RunState.Actor;

    /// <summary>Stands before what was called, where several models share a list.</summary>
    public string Title { get; init; } = "";

    /// <summary>What was called, in order.</summary>
    public List<string> Calls { get; init; } = [];

    /// <summary>The accumulated gradient.</summary>
    public double[,] Gradient { get; private set; } = new double[Vocabulary, Vocabulary];

    /// <summary>The gradient of every update that was made.</summary>
    public List<double[,]> Updates { get; } = [];

    public Action? OnUpdate { get; set; }

    public double LearningRate(long step) => 0.1;

    public Scores LogProb(PackedBatch batch, float temperature) =>
        LogProb(batch, temperature, keep: false, entropy: false);

    public Scores LogProb(PackedBatch batch, float temperature, bool keep, bool entropy)
    {
        Calls.Add(Title + (keep ? "forward" : "pass"));
        (_kept, _temperature) = (keep ? batch : null, temperature);
        float[] q = new float[batch.RowCount], v = new float[batch.RowCount], h = entropy ? new float[batch.RowCount]
            : [];
        for (int r = 0; r < batch.RowCount; r++)
        {
            (int state, double[] p, double lse) = At(batch, r, temperature);
            q[r] = (float)(_logits[state, batch.Labels[r]] / temperature);
            v[r] = (float)lse;
            if (entropy)
            {
                h[r] = (float)-p.Sum(x => x * Math.Log(x));
            }
        }

        return new(q, v, h);
    }

    public void Backward(ReadOnlySpan<float> dq, ReadOnlySpan<float> dv, ReadOnlySpan<float> dh)
    {
        PackedBatch batch = _kept ?? throw new InvalidOperationException("nothing is kept");
        for (int r = 0; r < batch.RowCount; r++)
        {
            (int state, double[] p, _) = At(batch, r, _temperature);
            double entropy = -p.Sum(x => x * Math.Log(x));
            for (int a = 0; a < Vocabulary; a++)
            {
                double dz = (a == batch.Labels[r] ? dq[r] : 0)
                    + dv[r] * p[a] - (dh.Length > 0 ? dh[r] * p[a] * (Math.Log(p[a]) + entropy) : 0);
                Gradient[state, a] += dz / _temperature;
            }
        }

        _kept = null;
    }

    /// <summary>As the fused kernel: the objective of the same numbers, evaluated at once.</summary>
    public (Scores Scores, float[] Residual, double Loss) ResidualGradient(PackedBatch batch, float temperature,
        FusedResidual residual)
    {
        Scores scores = LogProb(batch, temperature, keep: true, entropy: false);
        Calls[^1] = Title + "fused";
        IObjective objective = residual.CalibratedByReference ? new RevalObjective(residual.Beta)
            : new TbrmObjective(residual.Beta);
        ObjectiveResult result = objective.Evaluate(new()
        {
            RowOffsets = batch.RowOffsets,
            Q = [.. scores.Q.Select(x => (double)x)],
            V = [.. scores.V.Select(x => (double)x)],
            Logp = [.. scores.Q.Select((_, i) => (double)scores.Logp(i))],
            RefLogp = [.. residual.RefLogp.Select(x => (double)x)],
            RefV1 = [.. residual.RefV1.Select(x => (double)x)],
            Rewards = residual.Reward,
            Weight = residual.Weight,
        });
        Backward([.. result.DQ.Select(x => (float)x)], [.. result.DV.Select(x => (float)x)], []);
        return (scores, [.. result.Residual.Select(x => (float)x)], result.Loss);
    }

    public OptimizerResult Update(long step)
    {
        OnUpdate?.Invoke();
        Updates.Add(Gradient);
        for (int s = 0; s < Vocabulary; s++)
        {
            for (int a = 0; a < Vocabulary; a++)
            {
                _logits[s, a] -= LearningRate(step) * Gradient[s, a];
            }
        }

        double norm = Math.Sqrt(Gradient.Cast<double>().Sum(g => g * g));
        Gradient = new double[Vocabulary, Vocabulary];
        return new(norm, Applied: true, Updates.Count);
    }

    public void ReleaseActivations() => Calls.Add(Title + "release");

    public void Discard()
    {
        Calls.Add(Title + "discard");
        Gradient = new double[Vocabulary, Vocabulary];
        _kept = null;
    }

    /// <summary>pi(.|s) of a row.</summary>
    public double[] Probabilities(PackedBatch batch, int row, float temperature) =>
        At(batch, row, temperature).Probabilities;

    private (int State, double[] Probabilities, double LogSumExp) At(PackedBatch batch, int row, float temperature)
    {
        int state = batch.Ids[(int)batch.Rows[row]];
        double[] z = [.. Enumerable.Range(0, Vocabulary).Select(a => _logits[state, a] / temperature)];
        double lse = Math.Log(z.Sum(Math.Exp));
        return (state, [.. z.Select(x => Math.Exp(x - lse))], lse);
    }
}

/// <summary>A critic with one value per previous token.</summary>
internal sealed class FakeCritic : ITrainedCritic
{
    private readonly double[] _values = new double[FakePolicy.Vocabulary],
        _gradient = new double[FakePolicy.Vocabulary];
    private PackedBatch? _kept;

    public string Name => RunState.Critic;

    public string Title { get; init; } = "";

    public List<string> Calls { get; init; } = [];

    public double LearningRate(long step) => 0.5;

    public float[] Values(PackedBatch batch, bool keep)
    {
        Calls.Add(Title + (keep ? "forward" : "pass"));
        _kept = keep ? batch : null;
        float[] values = new float[batch.RowCount];
        for (int r = 0; r < values.Length; r++)
        {
            values[r] = (float)_values[batch.Ids[(int)batch.Rows[r]]];
        }

        return values;
    }

    public void Backward(ReadOnlySpan<float> dValues)
    {
        PackedBatch batch = _kept ?? throw new InvalidOperationException("nothing is kept");
        for (int r = 0; r < batch.RowCount; r++)
        {
            _gradient[batch.Ids[(int)batch.Rows[r]]] += dValues[r];
        }

        _kept = null;
    }

    public OptimizerResult Update(long step)
    {
        Calls.Add(Title + "update");
        double norm = Math.Sqrt(_gradient.Sum(g => g * g));
        for (int s = 0; s < _values.Length; s++)
        {
            _values[s] -= LearningRate(step) * _gradient[s];
        }

        Array.Clear(_gradient);
        return new(norm, Applied: true, Calls.Count);
    }

    public void ReleaseActivations() => Calls.Add(Title + "release");

    public void Discard() => Array.Clear(_gradient);
}

/// <summary>A rollout that plays what it is given, and a grader that reads the score from the ids.</summary>
internal sealed class FakeRollout : IRollout, IGradeStage
{
    public long GeneratedTokens => 0;

    /// <summary>Responses by sample number, across prompts.</summary>
    public Func<long, int[]> Response { get; init; } = id => [3 + (int)(id % 5), 4, 5 + (int)(id % 3)];

    /// <summary>The grade of a trajectory.</summary>
    public Func<Trajectory, GradeResult> GradeOf { get; init; } = t => new(t.ResponseIds[0] % 2, GradeStatus.Ok);

    /// <summary>Log-probs as the policy that is trained has them.</summary>
    public FakePolicy? Policy { get; init; }

    public List<string> Calls { get; init; } = [];

    public string Title { get; init; } = "";

    public List<long> Ids { get; } = [];

    public long Preemptions => 0;

    public IReadOnlyList<Trajectory> Sample(IReadOnlyList<EncodedPrompt> prompts, int n, long firstId,
        Action<RolloutProgress>? progress, CancellationToken stop)
    {
        Calls.Add(Title + "sample");
        return [.. Enumerable.Range(0, prompts.Count * n)
            .Select(i => Make(firstId + i, i / n, prompts[i / n], Response(firstId + i)))];
    }

    public IReadOnlyList<Trajectory> Greedy(IReadOnlyList<EncodedPrompt> prompts, Action<RolloutProgress>? progress,
        CancellationToken stop)
    {
        Calls.Add(Title + "greedy");
        return [.. prompts.Select((p, i) => Make(i, i, p, [3, 4]))];
    }

    public void ReleasePages() => Calls.Add(Title + "release");

    public GradedResponse[] Grade(IReadOnlyList<EncodedPrompt> prompts, IReadOnlyList<Trajectory> trajectories,
        CancellationToken stop)
    {
        Calls.Add(Title + "grade");
        return [.. trajectories.Select(t => new GradedResponse("", GradeOf(t)))];
    }

    private Trajectory Make(long id, int group, EncodedPrompt prompt, int[] response)
    {
        Ids.Add(id);
        float[] logp = new float[response.Length];
        if (Policy is not null)
        {
            Scores scores = Policy.LogProb(new([new(prompt.Ids, response)]), 1);
            logp = [.. Enumerable.Range(0, response.Length).Select(scores.Logp)];
        }

        return new()
        {
            Id = id,
            Group = group,
            PromptIds = prompt.Ids,
            ResponseIds = response,
            Logp = logp,
            ProcessedLogp = logp,
            End = TrajectoryEnd.Stop
        };
    }
}
