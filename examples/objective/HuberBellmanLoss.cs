using System;
using System.Text.Json.Nodes;
using Tbrm.Objectives;
using Tbrm.Objectives.Options;

namespace Example;

/// <summary>Options: their names are the properties' in snake_case.</summary>
public sealed record HuberBellmanOptions
{
    /// <summary>Reward units per nat.</summary>
    public double Beta { get; init; } = 0.002;

    /// <summary>Nats; a residual far above weighs linearly.</summary>
    public double Delta { get; init; } = 50;
}

/// <summary>
/// TBRM's residual under a smooth Huber loss, so that one trajectory of huge residual does not rule the batch:
/// f = V_1 + sum_h (log pi_h - log pi_ref,h) - r/beta;   loss = sum_b w_b delta^2 (sqrt(1 + (f_b/delta)^2) - 1).
/// </summary>
public sealed class HuberBellmanLoss(JsonObject options) : IObjective
{
    private readonly HuberBellmanOptions _options =
        OptionReader.Read<HuberBellmanOptions>(options, nameof(HuberBellmanLoss));

    /// <summary>What a step must compute.</summary>
    public Needs Needs => Needs.Logits | Needs.ReferenceLogp;

    /// <summary>Loss and gradient of a micro-batch.</summary>
    public ObjectiveResult Evaluate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        ObjectiveResult result = new(batch.RowCount) { Residual = new double[batch.TrajectoryCount] };
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            (int begin, int end) = batch.Actions(b);
            int first = begin;
            while (first < end && !batch.Counts(first))
            {
                first++;
            }

            if (first == end || batch.IsDropped(b))
            {
                continue;
            }

            double f = batch.V[first] - batch.RewardOf(b) / _options.Beta;
            for (int i = first; i < end; i++)
            {
                f += batch.Counts(i) ? batch.LogPi(i) - batch.RefLogp[i] : 0;
            }

            double root = Math.Sqrt(1 + Math.Pow(f / _options.Delta, 2)), weight = batch.WeightOf(b);
            result.Residual[b] = f;
            result.Loss += weight * _options.Delta * _options.Delta * (root - 1);
            for (int i = first; i < end; i++)
            {
                if (batch.Counts(i))
                {
                    result.AddLogp(i, weight * f / root);
                }
            }

            result.DV[first] += weight * f / root;
        }

        return result;
    }
}
