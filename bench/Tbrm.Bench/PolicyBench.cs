using System;
using System.Linq;
using BenchmarkDotNet.Attributes;
using Tbrm.Engine;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;

namespace Tbrm.Bench;

/// <summary>The logprob and gradient stages through the C# API, at the default run's shape: 512 sequences of 32 tokens,
/// 16 of them a response.</summary>
public class PolicyBench
{
    private EngineDevice _device = null!;
    private Policy _policy = null!;
    private PackedBatch _batch = null!;
    private float[] _gradient = [];

    [GlobalSetup]
    public void Setup()
    {
        ModelArchitecture architecture = ModelArchitecture.Parse(
            """
            {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": 576, "hidden_size": 64,
             "intermediate_size": 192,
             "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 4, "hidden_act": "silu",
             "max_position_embeddings": 64,
             "rms_norm_eps": 1e-6, "rope_theta": 500, "tie_word_embeddings": true, "torch_dtype": "float32"}
            """, "benchmark");
        _device = EngineDevice.Open("cpu", 0);
        _policy = Policy.CreateRandom(
            _device, architecture, new() { Bf16 = false, MaxPositions = 64, Trainable = true }, 1, 0.02f);
        Random random = new(1);
        int[] Ids(int n) => [.. Enumerable.Range(0, n).Select(_ => random.Next(576))];
        _batch = new([.. Enumerable.Range(0, 512).Select(_ => new ScoredSequence(Ids(16), Ids(16)))]);
        _gradient = new float[_batch.RowOffsets[^1]];
        Array.Fill(_gradient, 1e-3f);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _policy.Dispose();
        _device.Dispose();
    }

    [Benchmark(Baseline = true)]
    public Scores LogProb() => _policy.LogProb(_batch, temperature: 1);

    [Benchmark]
    public void LogProbAndGradient()
    {
        _policy.LogProb(_batch, temperature: 1, keep: true);
        _policy.Backward(_gradient, _gradient, []);
    }
}
