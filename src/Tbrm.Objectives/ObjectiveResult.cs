namespace Tbrm.Objectives;

/// <summary>What an objective says of a batch: its share of the loss, and the gradient with respect to every row's Q,
/// V, H or value.</summary>
public sealed class ObjectiveResult(int rows, bool entropy = false, bool values = false)
{
    /// <summary>This batch's share of the loss.</summary>
    public double Loss { get; set; }

    /// <summary>dL/dQ, [R]; empty for an objective of the critic.</summary>
    public double[] DQ { get; } = values ? [] : new double[rows];

    /// <summary>dL/dV, [R]; empty for an objective of the critic.</summary>
    public double[] DV { get; } = values ? [] : new double[rows];

    /// <summary>dL/dH, [R]; empty when no entropy is involved.</summary>
    public double[] DH { get; } = entropy ? new double[rows] : [];

    /// <summary>dL/d(value of the critic), [R]; empty for an objective of the policy.</summary>
    public double[] DValues { get; } = values ? new double[rows] : [];

    /// <summary>One residual per trajectory where the objective has such a thing, nats or reward units; empty
    /// otherwise.</summary>
    public double[] Residual { get; set; } = [];

    /// <summary>Further numbers by verl's metric names.</summary>
    public ObjectiveMetrics Metrics { get; } = new();

    /// <summary>Adds dL/d(log pi) to row i: log pi = Q - V.</summary>
    public void AddLogp(int i, double d)
    {
        DQ[i] += d;
        DV[i] -= d;
    }
}
