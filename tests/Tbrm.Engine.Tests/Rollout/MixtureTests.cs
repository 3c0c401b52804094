using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Rollouts;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Engine.Rollout;

namespace Tbrm.Engine.Tests.Rollout;

/// <summary>pi_ref^(1 - x) pi^x of two tiny models, against distributions over the whole vocabulary that the logprob
/// stage gives token by token.</summary>
public sealed class MixtureTests
{
    private const int Vocabulary = 24;

    /// <summary>Rows of the packed batch and of the paged cache have the same bits; a sum over 24 tokens in fp64
    /// differs
    /// from one in fp32 by less than this.</summary>
    private const double Tolerance = 2e-5;

    private static readonly ModelArchitecture s_architecture = Architecture(Vocabulary);

    private static readonly RolloutConfig s_config = new() { MaxNumSeqs = 8, MaxNumBatchedTokens = 16 };

    private EngineDevice _device = null!;
    private Policy _policy = null!, _reference = null!;

    [OneTimeSetUp]
    public void Open()
    {
        _device = EngineDevice.Open("cpu", 2);
        _policy = Policy.CreateRandom(_device, s_architecture, Options(), seed: 1, std: 0.4f);
        _reference = Policy.CreateRandom(_device, s_architecture, Options(), seed: 2, std: 0.4f);
    }

    [OneTimeTearDown]
    public void Close()
    {
        _reference.Dispose();
        _policy.Dispose();
        _device.Dispose();
    }

    /// <summary>Several samples of a prompt share its pages, and the copy of its last one.</summary>
    [Test]
    public void Log_probs_are_those_of_the_mixture([Values(0, 0.3, 2.5)] double scale,
        [Values(1f, 0.7f)] float temperature)
    {
        foreach (Trajectory t in Generate(scale, temperature, samples: 3))
        {
            for (int h = 0; h < t.ResponseIds.Length; h++)
            {
                double[] mixed = Mixture([.. t.PromptIds, .. t.ResponseIds[..h]], scale, temperature);
                Assert.That(t.Logp[h], Is.EqualTo(mixed[t.ResponseIds[h]]).Within(Tolerance), $"token {h} of {t.Id}");
            }
        }
    }

    [Test]
    public void Greedy_takes_the_most_likely_token_of_the_mixture()
    {
        foreach (Trajectory t in Generate(0.5, temperature: 0, samples: 1))
        {
            for (int h = 0; h < t.ResponseIds.Length; h++)
            {
                double[] mixed = Mixture([.. t.PromptIds, .. t.ResponseIds[..h]], 0.5, 1);
                Assert.That(mixed[t.ResponseIds[h]], Is.EqualTo(mixed.Max()).Within(Tolerance));
            }
        }
    }

    [Test]
    public void Scale_1_is_the_policy_and_scale_0_the_reference()
    {
        Assert.That(Ids(Generate(1, 1, 2)), Is.EqualTo(Ids(Alone(_policy))));
        Assert.That(Ids(Generate(0, 1, 2)), Is.EqualTo(Ids(Alone(_reference))));
        Assert.That(Ids(Generate(0.5, 1, 2)), Is.Not.EqualTo(Ids(Alone(_policy))));
    }

    [Test]
    public void Models_that_cannot_be_mixed_are_refused_with_the_reason()
    {
        using Policy other = Policy.CreateRandom(_device, Architecture(Vocabulary + 8), Options(), 3, 0.4f);
        using Policy shorter =
            Policy.CreateRandom(_device, s_architecture, Options() with { MaxPositions = 16 }, 3, 0.4f);
        using RolloutEngine engine = new(_policy, s_config, 1 << 20);
        Assert.That(() => engine.MixWith(other, 0.5),
            Throws.InstanceOf<Exception>().With.Message.Contains("the guide has 32 tokens, the model 24"));
        Assert.That(() => engine.MixWith(shorter, 0.5),
            Throws.InstanceOf<Exception>().With.Message.Contains("16 positions"));
        Assert.That(() => engine.MixWith(_reference, double.NaN),
            Throws.InstanceOf<Exception>().With.Message.Contains("scale"));
        Assert.That(() => engine.MixWith(_reference, -1),
            Throws.InstanceOf<Exception>().With.Message.Contains("scale"));
    }

    private static ModelArchitecture Architecture(int vocabulary) => ModelArchitecture.Parse(
        $$"""
        {"architectures": ["Qwen2ForCausalLM"], "vocab_size": {{vocabulary}}, "hidden_size": 16,
         "intermediate_size": 32, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 256, "rope_theta": 100.0,
         "tie_word_embeddings": true}
        """, "config.json");

    private static PolicyOptions Options() => new() { Bf16 = false, MaxPositions = 128, Trainable = false };

    private IReadOnlyList<Trajectory> Generate(double scale, float temperature, int samples)
    {
        using RolloutEngine engine = new(_policy, s_config, 1 << 20);
        engine.MixWith(_reference, scale);
        // Once more after the pages went: both caches come back.
        _ = engine.Generate(Requests(1), Sampling(temperature), null, default);
        engine.ReleasePages();
        return engine.Generate(Requests(samples), Sampling(temperature), null, default);
    }

    private static IReadOnlyList<Trajectory> Alone(Policy policy)
    {
        using RolloutEngine engine = new(policy, s_config, 1 << 20);
        return engine.Generate(Requests(2), Sampling(1), null, default);
    }

    private static SamplingOptions Sampling(float temperature) =>
        new() { MaxNewTokens = 6, Temperature = temperature, Seed = 7 };

    /// <summary>One prompt is shorter than a page, one longer: chunks of a prefill, and a page that is shared
    /// whole.</summary>
    private static RolloutRequest[] Requests(int samples) =>
        [.. new[] { 5, 70 }.Select((length, group) => new RolloutRequest(
        [.. Enumerable.Range(0, length).Select(i => (i * 7 + 3 + group) % Vocabulary)],
        [.. Enumerable.Range(0, samples).Select(j => 100L * group + j)], group))];

    private static int[][] Ids(IReadOnlyList<Trajectory> trajectories) => [.. trajectories.Select(t => t.ResponseIds)];

    private double[] Mixture(int[] prefix, double scale, float temperature)
    {
        double[] own = Logits(_policy, prefix, temperature), other = Logits(_reference, prefix, temperature);
        double[] z = [.. own.Zip(other, (a, b) => scale * a + (1 - scale) * b)];
        double v = z.Max() + Math.Log(z.Sum(x => Math.Exp(x - z.Max())));
        return [.. z.Select(x => x - v)];
    }

    private static double[] Logits(Policy policy, int[] prefix, float temperature) =>
        Array.ConvertAll(policy.LogProb(
            new([.. Enumerable.Range(0, Vocabulary).Select(a => new ScoredSequence(prefix, new[] { a }))]),
            temperature).Q, q => (double)q);
}
