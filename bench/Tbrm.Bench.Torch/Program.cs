using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Tbrm.Engine;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Engine.Rollout;
using TorchSharp;
using static TorchSharp.torch;

namespace Tbrm.Bench.Torch;

/// <summary>
/// What a .NET user would pick instead: the same training step and the same decoding in eager TorchSharp, in turns with
/// ours, on equal weights that are checked to give equal log-probs. Processor seconds of the process, all threads;
/// arguments as name=number.
/// </summary>
internal static class Program
{
    private const int Prompt = 128;

    private static int Main(string[] arguments)
    {
        Dictionary<string, int> given = arguments.Select(a => a.Split('=', 2)).ToDictionary(
            p => p[0], p => int.Parse(p.Length == 2 ? p[1] : "", CultureInfo.InvariantCulture));
        int Of(string name, int otherwise) => given.Remove(name, out int value) ? value : otherwise;
        int layers = Of("layers", 2), hidden = Of("hidden", 896), inner = Of("inner", 4864), heads = Of("heads", 14),
            kvHeads = Of("kv_heads", 2), vocabulary = Of("vocab", 32768), sequences = Of("sequences", 2),
            length = Of("length", 128), rounds = Of("rounds", 5), threads = Of("threads", 2),
            newTokens = Of("new", 32);
        bool bf16 = Of("bf16", 0) != 0;
        if (given.Count > 0)
        {
            Console.Error.WriteLine($"there is no {string.Join(", ", given.Keys)}");
            return 2;
        }

        set_num_threads(threads);
        using EngineDevice device = EngineDevice.Open("cpu", threads);
        ModelArchitecture shape = ModelArchitecture.Parse($$"""
            {"architectures": ["Qwen2ForCausalLM"], "vocab_size": {{vocabulary}}, "hidden_size": {{hidden}},
             "intermediate_size": {{inner}}, "num_hidden_layers": {{layers}}, "num_attention_heads": {{heads}},
             "num_key_value_heads": {{kvHeads}}, "max_position_embeddings": 4096, "rope_theta": 1000000.0,
             "rms_norm_eps": 1e-6, "tie_word_embeddings": true, "torch_dtype": "float32"}
            """, "the shape");
        PolicyOptions options = new()
        {
            Bf16 = bf16,
            MaxPositions = Math.Max(length, Prompt + newTokens),
            Trainable = true,
        };
        using Policy policy = Policy.CreateRandom(device, shape, options, seed: 1, std: 0.02f);
        using EagerQwen2 eager = new(policy, policy.Options.MaxPositions, isTrained: true);
        Console.WriteLine($"{layers} layers of {hidden}, vocabulary {vocabulary}, {(bf16 ? "bf16" : "fp32")}, "
            + $"{threads} threads, {device.Description}");
        Console.WriteLine("processor seconds, the least of the rounds; TorchSharp over ours");
        Train(policy, eager, sequences, length, rounds, bf16);
        foreach (int batch in new[] { 1, 8 })
        {
            Decode(policy, eager, batch, newTokens, rounds);
        }

        return 0;
    }

    private static int[] Ids(int sequence, int length, int vocabulary) => [.. Enumerable.Range(0, length)
        .Select(j => (int)((sequence * 7919L + j * 104729L + (long)j * j) % vocabulary))];

    private static void Train(Policy policy, EagerQwen2 eager, int sequences, int length, int rounds, bool bf16)
    {
        int response = length / 2, rows = sequences * response, vocabulary = policy.Architecture.VocabSize;
        int[][] all = [.. Enumerable.Range(0, sequences).Select(b => Ids(b, length, vocabulary))];
        PackedBatch packed = new([.. all.Select(ids =>
            new ScoredSequence(ids.AsMemory(0, length - response), ids.AsMemory(length - response)))]);
        using Tensor idTensor = tensor(all.SelectMany(ids => ids.Select(i => (long)i)).ToArray())
            .view(sequences, length);
        float[] rise = [.. Enumerable.Repeat(1e-3f, rows)], fall = [.. Enumerable.Repeat(-1e-3f, rows)];
        using Engine.Optimizer.AdamW ours = new(policy, new());
        using optim.Optimizer theirs = optim.AdamW(eager.Parameters, lr: 1e-6, weight_decay: 0.01);
        Check(policy.LogProb(packed, 1), eager, idTensor, response, bf16);
        Report($"training step, {sequences} x {length} tokens, {rows} rows", rounds,
            ("forward", () => policy.LogProb(packed, 1, keep: true)),
            ("backward", () => policy.Backward(rise, fall, [])),
            ("clipping and AdamW", () => ours.Step(1e-6, 1)), () =>
            {
                using DisposeScope scope = NewDisposeScope();
                Clock clock = new();
                Tensor loss = (eager.LogProbs(idTensor, response) * 1e-3f).sum();
                double forward = clock.Lap();
                loss.backward();
                double backward = clock.Lap();
                nn.utils.clip_grad_norm_(eager.Parameters, 1.0);
                theirs.step();
                theirs.zero_grad();
                return [forward, backward, clock.Lap()];
            });
    }

    /// <summary>Equal weights give equal log-probs but for roundings; without that no time says anything.</summary>
    private static void Check(Scores scores, EagerQwen2 eager, Tensor ids, long response, bool bf16)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        float[] theirs = eager.LogProbs(ids, response).flatten().data<float>().ToArray();
        double worst = theirs.Select((logp, i) => Math.Abs(logp - scores.Logp(i))).Max(), allowed = bf16 ? 0.2 : 2e-3;
        if (!(worst <= allowed))
        {
            throw new InvalidOperationException($"log-probs differ by {worst}, at most {allowed} was expected");
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"log-probs equal within {worst:G2} nats"));
    }

    private static void Decode(Policy policy, EagerQwen2 eager, int batch, int newTokens, int rounds)
    {
        int vocabulary = policy.Architecture.VocabSize;
        int[][] prompts = [.. Enumerable.Range(0, batch).Select(b => Ids(b, Prompt, vocabulary))];
        using RolloutEngine engine = new(policy, new() { MaxNumSeqs = batch, MaxNumBatchedTokens = batch * Prompt },
            batch * policy.Memory.KvPage * (policy.Memory.PagesPerSequence + 1));
        void Ours(int tokens) => engine.Generate(
            [.. prompts.Select((ids, i) => new RolloutRequest(ids, [i], i))],
            new() { MaxNewTokens = tokens, Temperature = 0, Seed = 1 }, null, default);
        double[] Theirs(int tokens)
        {
            using IDisposable quiet = no_grad();
            using DisposeScope scope = NewDisposeScope();
            (Tensor Keys, Tensor Values)[] cache = eager.Cache(batch, Prompt + newTokens);
            Clock clock = new();
            Tensor next = eager.Next(tensor(prompts.SelectMany(p => p.Select(i => (long)i)).ToArray())
                .view(batch, Prompt), 0, cache);
            double prefill = clock.Lap();
            for (int i = 0; i < tokens - 1; i++)
            {
                using DisposeScope step = NewDisposeScope();
                next = eager.Next(next, Prompt + i, cache).MoveToOuterDisposeScope();
            }

            return [prefill, clock.Lap()];
        }

        double ours = double.PositiveInfinity, theirs = double.PositiveInfinity;
        for (int round = 0; round <= rounds; round++)
        {
            Clock clock = new();
            Ours(1);
            double prefill = clock.Lap();
            Ours(newTokens);
            double whole = clock.Lap();
            double[] other = Theirs(newTokens);
            if (round > 0)
            {
                (ours, theirs) = (Math.Min(ours, whole - prefill), Math.Min(theirs, other[1]));
            }
        }

        Line($"decoding, batch {batch}, a token", ours / (newTokens - 1), theirs / (newTokens - 1));
    }

    /// <summary>The parts of a step, in turns; the first round warms up.</summary>
    private static void Report(string name, int rounds, (string Name, Action Run) forward,
        (string Name, Action Run) backward, (string Name, Action Run) update, Func<double[]> theirs)
    {
        (string Name, Action Run)[] parts = [forward, backward, update];
        double[] own = [.. parts.Select(_ => double.PositiveInfinity)], other = [.. own];
        double step = double.PositiveInfinity, otherStep = step;
        for (int round = 0; round <= rounds; round++)
        {
            Clock clock = new();
            double[] seconds = [.. parts.Select(p =>
            {
                p.Run();
                return clock.Lap();
            })];
            double[] others = theirs();
            if (round > 0)
            {
                own = [.. own.Zip(seconds, Math.Min)];
                other = [.. other.Zip(others, Math.Min)];
                (step, otherStep) = (Math.Min(step, seconds.Sum()), Math.Min(otherStep, others.Sum()));
            }
        }

        Line(name, step, otherStep);
        for (int k = 0; k < parts.Length; k++)
        {
            Line("  " + parts[k].Name, own[k], other[k]);
        }
    }

    private static void Line(string name, double ours, double theirs) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{name,-48} ours {ours,9:0.0000}  TorchSharp {theirs,9:0.0000}  {theirs / ours,6:0.00}"));

    /// <summary>Processor time since the last lap.</summary>
    private sealed class Clock
    {
        private double _last = Now;

        private static double Now => Environment.CpuUsage.TotalTime.TotalSeconds;

        public double Lap()
        {
            double now = Now, lap = now - _last;
            _last = now;
            return lap;
        }
    }
}
