using System.Collections.Generic;
using System.Linq;
using Tbrm.Theory.Tabular;

namespace Tbrm.Theory.Experiments;

/// <summary>What a horizon costs.</summary>
/// <param name="Algorithm">tbrm or brm.</param>
/// <param name="Horizon">H, tokens of a trajectory.</param>
/// <param name="AdamUpdates">Updates of Adam at its best rate; null where no rate arrives.</param>
/// <param name="Rate">That rate.</param>
/// <param name="Evaluations">Evaluations of L-BFGS.</param>
public sealed record HorizonRow(string Algorithm, int Horizon, int? AdamUpdates, double? Rate, int Evaluations);

/// <summary>
/// Updates that BRM and TBRM need against the horizon, where the reward comes with the last token. BRM passes it back
/// from state to state, one regression for each; TBRM has one for the whole trajectory.
/// </summary>
public static class HorizonCost
{
    /// <summary>Reward units per nat.</summary>
    public const double Beta = 0.1;

    /// <summary>KL(pi* || pi) that counts as arrived, nats.</summary>
    public const double Arrived = 1e-2;

    /// <summary>The most updates of Adam.</summary>
    public const int MostUpdates = 2000;

    private static readonly string[] s_algorithms = ["tbrm", "brm"];

    /// <summary>Rates that Adam is tried with, the same for both.</summary>
    public static IReadOnlyList<double> Rates { get; } = [1, 0.3, 0.1];

    /// <summary>H from 1 to 9 over two tokens: 2 to 512 sequences, all of them in the data.</summary>
    public static IReadOnlyList<HorizonRow> Run() => [.. from algorithm in s_algorithms
        from horizon in Enumerable.Range(1, 9) select Row(algorithm, horizon)];

    private static HorizonRow Row(string algorithm, int horizon)
    {
        TabularTask task = TabularTask.Random(new(2, horizon), Beta, skew: 0);
        TabularLoss loss = new(task, algorithm);
        (int? updates, double? best) = (null, null);
        foreach (double rate in Rates)
        {
            Minimizers.Adam(loss, task.Reference, rate, (updates ?? MostUpdates + 1) - 1, (t, z) =>
            {
                bool isThere = task.KlFromOptimal(z) < Arrived;
                (updates, best) = isThere ? (t, rate) : (updates, best);
                return isThere;
            });
        }

        int evaluations = Minimizers.Lbfgs(loss, task.Reference,
            z => task.KlFromOptimal(z) < Convergence.Reached).Evaluations;
        return new(algorithm, horizon, updates, best, evaluations);
    }
}
