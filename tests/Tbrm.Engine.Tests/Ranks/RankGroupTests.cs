using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Engine.Ranks;
using Tbrm.Interop;

namespace Tbrm.Engine.Tests.Ranks;

/// <summary>Ranks as threads: what they compute together, and what is said when one fails.</summary>
public sealed class RankGroupTests
{
    [Test]
    public void Every_rank_has_a_thread_of_its_own_and_rank_0_that_of_the_caller()
    {
        using RankGroup group = new(3);
        int[] first = group.Each(_ => Environment.CurrentManagedThreadId);
        int[] second = group.Each(_ => Environment.CurrentManagedThreadId);
        Assert.That(first, Is.Unique.And.EqualTo(second));
        Assert.That(first[0], Is.EqualTo(Environment.CurrentManagedThreadId));
    }

    [Test]
    public void The_rank_that_failed_is_named_and_the_group_goes_on()
    {
        using RankGroup group = new(3);
        TbrmUserException e = Assert.Throws<TbrmUserException>(() => group.Each(rank =>
        {
            if (rank > 0)
            {
                throw new TbrmUserException(ExitCode.OutOfMemory, $"no memory on {rank}");
            }
        }))!;
        Assert.That((e.ExitCode, e.Message), Is.EqualTo((ExitCode.OutOfMemory, "rank 1 of 3: no memory on 1")));
        Assert.That(() => group.Each(rank => Throw(rank == 2)), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(group.Each(rank => rank * rank), Is.EqualTo(new[] { 0, 1, 4 }));
    }

    /// <summary>Without waiting for the time limit.</summary>
    [Test]
    public void A_rank_that_fails_in_a_sum_ends_it_for_all_and_is_the_one_that_is_named()
    {
        using RankGroup group = new(2);
        using EngineDevice device = EngineDevice.Open("cpu", 1);
        using Policy trained = Create(device), frozen = trained.CloneFrozen();
        TbrmUserException e = Assert.Throws<TbrmUserException>(() =>
            group.Each(rank => group.ReduceGradient(rank, rank == 0 ? trained : frozen)))!;
        Assert.That(e.Message, Does.StartWith("rank 1 of 2: adding up the gradients").And.Contain("frozen"));
        Assert.That(() => group.Each(rank => group.ReduceGradient(rank, trained)),
            Throws.InstanceOf<TbrmUserException>().With.Message.Contains("rank 1 of 2 stopped after 'start'"),
            "a group that lost a rank is over");
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Replicas_have_the_bits_of_the_policy_and_the_summed_gradients_are_those_of_one(bool isAdapter)
    {
        using EngineDevice one = EngineDevice.Open("cpu", 1), two = EngineDevice.Open("cpu", 1);
        using Policy policy = Create(one);
        if (isAdapter)
        {
            policy.AttachAdapter(new(2, 4, UseRslora: false, AdapterTargets.QProj | AdapterTargets.DownProj),
                trainable: true, seed: 3);
        }

        using Policy replica = policy.Replica(two);
        PackedBatch whole = new([.. Enumerable.Range(0, 4).Select(b =>
            new ScoredSequence(new int[] { 1, 2 + b }, new int[] { 5, 6 + b, 7 }.AsMemory(0, 1 + b % 3)))]);
        Assert.That(replica.LogProb(whole, 1).Q, Is.EqualTo(policy.LogProb(whole, 1).Q));
        Accumulate(policy, whole);
        Dictionary<string, float[]> alone = Gradients(policy);
        policy.ZeroGradient();
        Accumulate(policy, whole.Part(0..3));
        Accumulate(replica, whole.Part(3..4));
        using RankGroup group = new(2);
        group.Each(rank => group.ReduceGradient(rank, rank == 0 ? policy : replica));
        Dictionary<string, float[]> sum = Gradients(policy), other = Gradients(replica);
        foreach ((string name, float[] expected) in alone)
        {
            Assert.That(other[name], Is.EqualTo(sum[name]), name);
            // Sums of four sequences in two orders: roundings of the largest element.
            Assert.That(sum[name], Is.EqualTo(expected).Within(1e-6f * Math.Max(1e-3f, expected.Max(Math.Abs))), name);
        }
    }

    private static void Throw(bool isNow)
    {
        if (isNow)
        {
            throw new OperationCanceledException();
        }
    }

    private static void Accumulate(Policy policy, PackedBatch batch)
    {
        int rows = policy.LogProb(batch, 1, keep: true).Q.Length;
        policy.Backward(Enumerable.Repeat(0.5f, rows).ToArray(), Enumerable.Repeat(-0.25f, rows).ToArray(), []);
    }

    private static Dictionary<string, float[]> Gradients(Policy policy) => policy.Tensors()
        .Where(t => t.IsAdapter == (policy.Adapter is not null))
        .ToDictionary(t => t.Name, t => policy.ReadTensor(t, TensorKind.Gradient));

    private static Policy Create(EngineDevice device) => Policy.CreateRandom(device, ModelArchitecture.Parse(
        """
        {"architectures": ["Qwen2ForCausalLM"], "vocab_size": 24, "hidden_size": 16, "intermediate_size": 32,
         "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 64,
         "rope_theta": 100.0, "tie_word_embeddings": true}
        """, "config.json"), new() { Bf16 = false, MaxPositions = 32, Trainable = true }, seed: 2, std: 0.3f);
}
