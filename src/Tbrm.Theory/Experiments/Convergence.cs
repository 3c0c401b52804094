using System.Collections.Generic;
using System.Linq;
using Tbrm.Theory.Tabular;

namespace Tbrm.Theory.Experiments;

/// <summary>Where L-BFGS ended.</summary>
/// <param name="Algorithm">tbrm, reval or brm.</param>
/// <param name="Beta">Reward units per nat.</param>
/// <param name="Skew">The data's least weight is about exp(-skew) of its greatest.</param>
/// <param name="KlBefore">KL(pi* || pi_ref), nats.</param>
/// <param name="KlAfter">KL(pi* || pi) at the minimum, nats.</param>
/// <param name="Evaluations">Evaluations of loss and gradient.</param>
public sealed record ConvergenceRow(string Algorithm, double Beta, double Skew, double KlBefore, double KlAfter,
    int Evaluations);

/// <summary>
/// What the papers prove (arXiv 2505.15311, Theorem 2; arXiv 2603.23355): minimised over fixed off-policy data of full
/// support, the residuals lead to pi* = pi_ref exp(r / beta) / Z, whatever policy the data came from. BRM gets there
/// too: in a table it loses nothing but time.
/// </summary>
public static class Convergence
{
    /// <summary>What is minimised.</summary>
    public static IReadOnlyList<string> Algorithms { get; } = ["tbrm", "reval", "brm"];

    /// <summary>Below this the papers' claim is taken to hold.</summary>
    public const double Reached = 1e-9;

    private static readonly double[] s_betas = [1, 0.1, 0.02], s_skews = [0, 6];

    /// <summary>Every algorithm, beta and skew, over the 27 sequences of three tokens out of three.</summary>
    public static IReadOnlyList<ConvergenceRow> Run() => [.. from algorithm in Algorithms from beta in s_betas
        from skew in s_skews select Row(algorithm, beta, skew)];

    private static ConvergenceRow Row(string algorithm, double beta, double skew)
    {
        TabularTask task = TabularTask.Random(new(3, 3), beta, skew);
        (double[] logits, int evaluations) = Minimizers.Lbfgs(new(task, algorithm), task.Reference,
            z => task.KlFromOptimal(z) < Reached / 1000);
        return new(algorithm, beta, skew, task.KlFromOptimal(task.Reference), task.KlFromOptimal(logits), evaluations);
    }
}
