using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using BenchmarkDotNet.Attributes;
using Tbrm.Objectives;

namespace Tbrm.Bench;

/// <summary>Every objective of the table on the arrays of one step: trajectories of 256 tokens in groups of 4. What it
/// takes of a step follows from <c>tbrm-native profile time</c> at the same size.</summary>
public class ObjectiveBench
{
    private const int Tokens = 256, Group = 4;
    private ObjectiveBatch _batch = null!;
    private IObjective _objective = null!;

    /// <summary>Names of the table.</summary>
    public static IEnumerable<string> Names => AlgorithmTable.Names;

    [ParamsSource(nameof(Names))]
    public string Algorithm { get; set; } = "";

    [Params(64, 512)]
    public int Trajectories { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        Random random = new(1);
        int rows = Trajectories * Tokens;
        double[] Numbers(int n) => Array.ConvertAll(new double[n], _ => random.NextDouble());
        double[] logp = Array.ConvertAll(Numbers(rows), x => -0.1 - x), v = Numbers(rows);
        ObjectiveBatch batch = new()
        {
            RowOffsets = [.. Enumerable.Range(0, Trajectories + 1).Select(b => (long)b * Tokens)],
            Q = [.. v.Zip(logp, (a, b) => a + b)],
            V = v,
            H = Numbers(rows),
            Logp = logp,
            OldLogp = [.. logp.Select(l => l - 0.01)],
            RolloutLogp = [.. logp.Select(l => l - 0.01)],
            RefLogp = [.. logp.Select(l => l + 0.01)],
            RefV1 = Numbers(Trajectories),
            Values = Numbers(rows),
            OldValues = Numbers(rows),
            Returns = Numbers(rows),
            Advantages = Numbers(rows),
            SumPiSquared = Numbers(rows),
            Rewards = Numbers(Trajectories),
            BaselineRewards = Numbers(Trajectories),
            Group = [.. Enumerable.Range(0, Trajectories).Select(b => b / Group)],
            VStar = Numbers(Trajectories),
            VFrozen = Numbers(Trajectories),
            Weight = Array.ConvertAll(new double[Trajectories], _ => 1.0 / Trajectories),
            Bootstrap = new bool[Trajectories],
        };
        Tbrm.Objectives.Algorithm entry = AlgorithmTable.Find(Algorithm);
        JsonObject options = [];
        if (entry.LossMode is { } mode)
        {
            options["loss_mode"] = mode;
            if (mode == "dro")
            {
                options["dro_beta"] = 0.1;
            }
        }

        _objective = entry.Objective(options);
        _batch = _objective.Prepare(batch with { Totals = BatchTotals.Of(batch, Tokens) });
    }

    [Benchmark]
    public ObjectiveResult Evaluate() => _objective.Evaluate(_batch);
}
