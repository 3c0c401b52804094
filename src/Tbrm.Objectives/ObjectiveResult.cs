using System;
using System.Collections.Generic;

namespace Tbrm.Objectives;

/// <summary>What an objective says of a micro-batch: its share of the loss, and the gradient with respect to every row's Q, V, H.</summary>
public sealed class ObjectiveResult(int rows, bool entropy)
{
    /// <summary>This micro-batch's share of the step's loss.</summary>
    public double Loss { get; set; }

    /// <summary>dL/dQ, [R].</summary>
    public float[] DQ { get; } = new float[rows];

    /// <summary>dL/dV, [R].</summary>
    public float[] DV { get; } = new float[rows];

    /// <summary>dL/dH, [R]; empty when no entropy is involved.</summary>
    public float[] DH { get; } = entropy ? new float[rows] : [];

    /// <summary>One residual per trajectory where the objective has such a thing, nats; empty otherwise.</summary>
    public double[] Residual { get; set; } = [];

    /// <summary>Further numbers by verl's metric names; sums over trajectories, divided by their count when the step is complete.</summary>
    public Dictionary<string, double> Sums { get; } = new(StringComparer.Ordinal);
}
