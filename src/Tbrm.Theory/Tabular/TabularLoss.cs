using System;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Objectives;

namespace Tbrm.Theory.Tabular;

/// <summary>
/// An objective of the program, over all sequences of a task weighted by its data, as a function of a table of logits:
/// dz = dQ e_a + dV softmax(z), as the native head has it.
/// </summary>
public sealed class TabularLoss
{
    private readonly TabularTask _task;
    private readonly IObjective _objective;
    private readonly ObjectiveBatch _batch;
    private readonly int[] _states, _cells;

    /// <param name="task">What to learn.</param>
    /// <param name="algorithm">Its name in the table of algorithms: tbrm, reval or brm.</param>
    public TabularLoss(TabularTask task, string algorithm)
    {
        _task = task;
        _objective = AlgorithmTable.Find(algorithm).Objective(new JsonObject { ["beta"] = task.Beta });
        TokenTree tree = task.Tree;
        int rows = tree.SequenceCount * tree.Horizon;
        (_states, _cells) = (new int[rows], new int[rows]);
        for (int row = 0; row < rows; row++)
        {
            (int n, int h) = (row / tree.Horizon, row % tree.Horizon);
            _states[row] = tree.State(n, h);
            _cells[row] = _states[row] * tree.Vocabulary + tree.Token(n, h);
        }

        double[] values = tree.Values(task.Reference);
        _batch = new()
        {
            RowOffsets = [.. Enumerable.Range(0, tree.SequenceCount + 1).Select(n => (long)n * tree.Horizon)],
            Q = new double[rows],
            V = new double[rows],
            RefLogp = [.. _cells.Select((c, row) => task.Reference[c] - values[_states[row]])],
            RefV1 = [.. Enumerable.Repeat(values[0], tree.SequenceCount)],
            Rewards = task.Rewards,
            Weight = task.Data,
        };
    }

    /// <summary>The loss, and its gradient into <paramref name="gradient"/>, [states, vocabulary].</summary>
    public double Evaluate(ReadOnlySpan<double> logits, Span<double> gradient)
    {
        int vocabulary = _task.Tree.Vocabulary;
        (double[] values, ObjectiveResult result) = Result(logits);
        double[] dV = new double[values.Length];
        gradient.Clear();
        for (int row = 0; row < _cells.Length; row++)
        {
            gradient[_cells[row]] += result.DQ[row];
            dV[_states[row]] += result.DV[row];
        }

        for (int cell = 0; cell < gradient.Length; cell++)
        {
            int state = cell / vocabulary;
            gradient[cell] += dV[state] * Math.Exp(logits[cell] - values[state]);
        }

        return result.Loss;
    }

    /// <summary>The residual of every sequence, nats; of objectives that have one per trajectory.</summary>
    public double[] Residuals(ReadOnlySpan<double> logits) => Result(logits).Result.Residual;

    private (double[] Values, ObjectiveResult Result) Result(ReadOnlySpan<double> logits)
    {
        double[] values = _task.Tree.Values(logits);
        for (int row = 0; row < _cells.Length; row++)
        {
            _batch.Q[row] = logits[_cells[row]];
            _batch.V[row] = values[_states[row]];
        }

        return (values, _objective.Evaluate(_batch));
    }
}
