using System;
using System.Collections.Generic;

namespace Tbrm.Cli.Benchmarks;

/// <summary>What one run of a case does.</summary>
/// <param name="Amount">How much of <paramref name="Unit"/>.</param>
/// <param name="Unit">What is counted: tokens, answers, GFLOP, GB.</param>
/// <param name="Flops">Multiply-adds, counted twice; 0 where none are counted.</param>
/// <param name="Bytes">Bytes that are moved at least; 0 where none are counted.</param>
internal readonly record struct BenchWork(double Amount, string Unit, double Flops = 0, double Bytes = 0);

/// <summary>One thing that is timed. It is checked first: what is wrong is not timed.</summary>
internal abstract class BenchCase(string name, string shape, string type) : IDisposable
{
    /// <summary>What it is; unique together with <see cref="Type"/> in a report.</summary>
    public string Name => name;

    /// <summary>Of its inputs, for people.</summary>
    public string Shape => shape;

    /// <summary>fp32, bf16, or - where no such type matters.</summary>
    public string Type => type;

    /// <summary>What identifies it in a report.</summary>
    public string Key => type == "-" ? name : $"{name} {type}";

    /// <summary>What a run does; read after <see cref="Check"/>.</summary>
    public BenchWork Work { get; protected set; }

    /// <summary>Prepares the inputs, runs once, and compares with a reference: the largest error as a share of what is
    /// allowed, at most 1 where all is right.</summary>
    public abstract double Check();

    /// <summary>Seconds of a run, once or several times.</summary>
    public abstract IEnumerable<double> Measure();

    /// <inheritdoc/>
    public virtual void Dispose()
    {
    }
}
