using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Theory.Tabular;

namespace Tbrm.Theory.Experiments;

/// <summary>Gradient descent on data that follow the policy at a distance.</summary>
/// <param name="Algorithm">tbrm or reval.</param>
/// <param name="Lag">Updates between the policy that samples and the one that learns; null: the data stay those of the
/// reference.</param>
/// <param name="Updates">Updates until KL(pi* || pi) is below <see cref="Convergence.Reached"/>; null where it never
/// is.</param>
/// <param name="Most">The greatest KL(pi* || pi) on the way, nats.</param>
/// <param name="KlAfter">KL(pi* || pi) after the last update, nats.</param>
public sealed record StalenessRow(string Algorithm, int? Lag, int? Updates, double Most, double KlAfter);

/// <summary>
/// What a lag by itself does. Every state has logits of its own and every sequence its expectation, so that nothing
/// spreads from one response to another: the policy gets to pi* whatever the lag. What a lag breaks in a network
/// (docs/guide/staleness.md) is therefore no property of the objective.
/// </summary>
public static class Staleness
{
    /// <summary>Reward units per nat.</summary>
    public const double Beta = 0.5;

    /// <summary>The step of gradient descent.</summary>
    public const double Rate = 1;

    /// <summary>Updates of each run.</summary>
    public const int Updates = 1500;

    /// <summary>V_ref(s_1), nats, beside that of the table: what a pretrained model's first logits have too
    /// much.</summary>
    public const double Offset = 12;

    private static readonly string[] s_algorithms = ["tbrm", "reval"];
    private static readonly int?[] s_lags = [0, 1, 8, 64, null];

    /// <summary>Both algorithms at every lag, over the 27 sequences of three tokens out of three.</summary>
    public static IReadOnlyList<StalenessRow> Run() =>
        [.. from algorithm in s_algorithms from lag in s_lags select Row(algorithm, lag)];

    private static StalenessRow Row(string algorithm, int? lag)
    {
        TabularTask task = TabularTask.Random(new(3, 3), Beta, skew: 0);
        double[] start = [.. task.Reference.Select((z, i) => i < task.Tree.Vocabulary ? z + Offset : z)];
        task = task with { Reference = start };
        double[] z = [.. start], gradient = new double[z.Length];
        List<double[]> policies = [Policy(task, z)];
        (int? arrived, double most) = (null, 0);
        for (int t = 0; t < Updates; t++)
        {
            double[] data = policies[Math.Max(0, t - (lag ?? Updates))];
            _ = new TabularLoss(task with { Data = data }, algorithm).Evaluate(z, gradient);
            z = [.. z.Zip(gradient, (value, g) => value - Rate * g)];
            policies.Add(Policy(task, z));
            double kl = task.KlFromOptimal(z);
            most = Math.Max(most, kl);
            arrived ??= kl < Convergence.Reached ? t + 1 : null;
        }

        return new(algorithm, lag, arrived, most, task.KlFromOptimal(z));
    }

    private static double[] Policy(TabularTask task, double[] logits) =>
        [.. task.Tree.LogProbabilities(logits).Select(Math.Exp)];
}
