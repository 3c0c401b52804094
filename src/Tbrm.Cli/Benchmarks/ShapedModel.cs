using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Engine;
using Tbrm.Engine.Models;
using Tbrm.Training.Profiles;

namespace Tbrm.Cli.Benchmarks;

/// <summary>A model of a shape with random weights, made when it is first asked for and shared by cases.</summary>
internal sealed class ShapedModel(EngineDevice device, ProfileShape shape, bool bf16, bool trainable) : IDisposable
{
    /// <summary>Longest sequence of any case.</summary>
    public const int MaxPositions = 512;

    private Policy? _policy;

    public ModelArchitecture Architecture { get; } = shape.Architecture;

    public string Name => shape.Name;

    public string Type => bf16 ? "bf16" : "fp32";

    public int ElementBytes => bf16 ? 2 : 4;

    public Policy Policy => _policy ??= Policy.CreateRandom(device, Architecture,
        new() { Bf16 = bf16, MaxPositions = MaxPositions, Trainable = trainable }, 1, 0.02f);

    /// <summary>Weights of the matrices that every token passes through, without the head.</summary>
    public double BodyWeights => (double)Architecture.Layers * Architecture.HiddenSize
        * (((2 * Architecture.Heads) + (2 * Architecture.KeyValueHeads)) * Architecture.HeadDim
            + (3 * Architecture.IntermediateSize));

    public double HeadWeights => (double)Architecture.HiddenSize * Architecture.VocabSize;

    /// <summary>Multiply-adds, counted twice, of scores and values over so many pairs of query and key.</summary>
    public double AttentionFlops(double pairs) =>
        4 * pairs * Architecture.Layers * Architecture.Heads * Architecture.HeadDim;

    /// <summary>Bytes of the keys and values of so many tokens.</summary>
    public double CacheBytes(double tokens) =>
        tokens * 2 * Architecture.Layers * Architecture.KeyValueHeads * Architecture.HeadDim * ElementBytes;

    /// <summary>So many sequences of ids that are the same in every run.</summary>
    public IReadOnlyList<int[]> Ids(int sequences, int length)
    {
        Random random = new(7);
        return [.. Enumerable.Range(0, sequences).Select(_ =>
            Enumerable.Range(0, length).Select(_ => random.Next(Architecture.VocabSize)).ToArray())];
    }

    public void Dispose() => _policy?.Dispose();
}
