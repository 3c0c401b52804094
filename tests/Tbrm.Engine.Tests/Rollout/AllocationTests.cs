using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Engine.Optimizer;
using Tbrm.Engine.Rollout;

namespace Tbrm.Engine.Tests.Rollout;

/// <summary>Managed memory of the steady state: a token costs none, and a training step its rows' numbers.</summary>
public sealed class AllocationTests
{
    private const int Vocabulary = 64, Batch = 6;

    private EngineDevice _device = null!;
    private Policy _policy = null!;

    [OneTimeSetUp]
    public void Open()
    {
        _device = EngineDevice.Open("cpu", 1);
        _policy = Policy.CreateRandom(_device, ModelArchitecture.Parse(
            """
            {"architectures": ["Qwen2ForCausalLM"], "vocab_size": 64, "hidden_size": 16, "intermediate_size": 24,
             "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "tie_word_embeddings": true}
            """, "config.json"),
            new() { Bf16 = false, MaxPositions = 256, Trainable = true }, seed: 1, std: 0.2f);
    }

    [OneTimeTearDown]
    public void Close()
    {
        _policy.Dispose();
        _device.Dispose();
    }

    [Test]
    public void A_decode_step_allocates_nothing()
    {
        // Every report but the first and the last stands for so many steps of decoding with nothing finished.
        const int slices = 8;
        long[] allocated = new long[2 * slices];
        int[] finished = new int[allocated.Length];
        int reports = 0;
        using RolloutEngine engine = new(_policy, new() { MaxNumSeqs = Batch, MaxNumBatchedTokens = 64 }, 64 << 20);
        engine.Generate([.. Enumerable.Range(0, Batch).Select(i => new RolloutRequest([1, 2, 3 + i], [i], i))],
            new() { MaxNewTokens = slices * RolloutEngine.IterationsPerSlice }, progress =>
            {
                finished[reports] = progress.Finished;
                allocated[reports++] = GC.GetAllocatedBytesForCurrentThread();
            }, default);
        Assert.That(reports, Is.AtLeast(slices));
        List<long> grown = [.. Enumerable.Range(1, reports - 1).Where(i => finished[i] == 0)
            .Select(i => allocated[i] - allocated[i - 1])];
        Assert.That(grown, Has.Count.AtLeast(slices - 2).And.All.Zero);
    }

    [TestCase(4)]
    [TestCase(40)]
    public void A_training_step_allocates_its_rows_numbers_and_a_constant(int response)
    {
        int rows = Batch * response;
        PackedBatch batch = new([.. Enumerable.Range(0, Batch).Select(i => new ScoredSequence(new[] { 1, 2 + i },
            Enumerable.Range(0, response).Select(t => (i + t) % Vocabulary).ToArray()))]);
        using AdamW optimizer = new(_policy, new());
        float[] slopes = new float[rows];
        Array.Fill(slopes, 1e-3f);
        long Step()
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            _policy.LogProb(batch, temperature: 1, keep: true);
            _policy.Backward(slopes, slopes, []);
            optimizer.Step(1e-5, 1);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Step();
        // Q and V of 4 bytes a row; closures, results and the arrays' headers are far below a kilobyte.
        Assert.That(Step(), Is.InRange(8 * rows, (8 * rows) + 1024));
    }
}
