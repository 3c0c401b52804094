using System;
using BenchmarkDotNet.Attributes;
using Tbrm.Objectives;
using Tbrm.Objectives.Bellman;

namespace Tbrm.Bench;

/// <summary>Objectives on the arrays of one step: trajectories of 256 tokens.</summary>
public class ObjectiveBench
{
    private const int Tokens = 256;
    private ObjectiveBatch _batch = null!;

    [Params(64, 512)]
    public int Trajectories { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        Random random = new(1);
        int rows = Trajectories * Tokens;
        long[] offsets = new long[Trajectories + 1];
        for (int b = 0; b <= Trajectories; b++)
        {
            offsets[b] = (long)b * Tokens;
        }

        double[] Numbers(int n) => Array.ConvertAll(new double[n], _ => random.NextDouble());
        _batch = new()
        {
            RowOffsets = offsets,
            Q = Numbers(rows),
            V = Numbers(rows),
            RefLogp = Numbers(rows),
            RefV1 = Numbers(Trajectories),
            Rewards = Numbers(Trajectories),
            Weight = Array.ConvertAll(new double[Trajectories], _ => 1.0 / Trajectories),
            Bootstrap = new bool[Trajectories],
        };
    }

    [Benchmark(Baseline = true)]
    public ObjectiveResult Tbrm() => new TbrmObjective(0.002).Evaluate(_batch);

    [Benchmark]
    public ObjectiveResult Reval() => new RevalObjective(0.002).Evaluate(_batch);
}
