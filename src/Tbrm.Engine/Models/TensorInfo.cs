using System;

namespace Tbrm.Engine.Models;

/// <summary>A tensor under its Hugging Face name. Those of an adapter stand after all others.</summary>
/// <param name="Name">As in safetensors files.</param>
/// <param name="Rows">Length of a vector, or rows of a matrix.</param>
/// <param name="Columns">0 for a vector.</param>
public readonly record struct TensorInfo(string Name, long Rows, long Columns)
{
    /// <summary>Number of elements.</summary>
    public long Elements => Rows * Math.Max(Columns, 1);

    /// <summary>Whether it belongs to a low-rank adapter, under PEFT's name.</summary>
    public bool IsAdapter => Name.StartsWith("base_model.", StringComparison.Ordinal);
}
