using System;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Objectives;
using Tbrm.Objectives.Checks;
using static TorchSharp.torch;

namespace Tbrm.Torch.Tests;

/// <summary>What the host does around a user's loss.</summary>
public sealed class AutogradObjectiveTests
{
    private static readonly Twin s_regression = new(Needs.ReferenceLogp,
        (q, v, _, x) => (x.Weight * x.Sum(x.LogPi(q, v) - x.RefLogp).pow(2)).sum());

    [Test]
    public void It_holds_the_rules_of_objectives()
    {
        Assert.That(new ObjectiveCheck(s_regression).Run().Where(c => c.Passed == false), Is.Empty);
    }

    /// <summary>Tensors are freed whatever the loss makes: neither their number nor the process grows.</summary>
    [Test]
    public void A_thousand_evaluations_leave_nothing_behind()
    {
        ObjectiveBatch batch = RandomBatch.Create(1, logits: false);
        _ = s_regression.Evaluate(batch);
        long before = Tensor.TotalCount;
        for (int i = 0; i < 1000; i++)
        {
            _ = s_regression.Evaluate(batch);
        }

        Assert.That(Tensor.TotalCount, Is.EqualTo(before));
    }

    /// <summary>TorchSharp frees numbers that native code still reads when garbage is collected at that moment; without
    /// the host's care one of some hundred evaluations of this size fails.</summary>
    [Test]
    public void Garbage_collections_do_no_harm()
    {
        const int trajectories = 256, length = 256, rows = trajectories * length;
        Random random = new(1);
        double[] Column(double low, double high) =>
            [.. Enumerable.Range(0, rows).Select(_ => low + (high - low) * random.NextDouble())];
        ObjectiveBatch batch = new()
        {
            RowOffsets = [.. Enumerable.Range(0, trajectories + 1).Select(b => (long)b * length)],
            Q = Column(8, 10),
            V = Column(10, 12),
            RefLogp = Column(-2, 0),
            Rewards = [.. Enumerable.Range(0, trajectories).Select(b => b % 2.0)],
        };
        Twin scaled = new(Needs.ReferenceLogp,
            (q, v, _, x) => (x.Weight * 3 * ((x.Sum(x.LogPi(q, v) - x.RefLogp) / 7).pow(2) + 1).sqrt()).sum());
        ObjectiveResult first = scaled.Evaluate(batch);
        for (int i = 0; i < 300; i++)
        {
            ObjectiveResult again = scaled.Evaluate(batch);
            Assert.That(again.Loss, Is.EqualTo(first.Loss));
            Assert.That(again.DQ.AsSpan().SequenceEqual(first.DQ), Is.True);
        }
    }

    /// <summary>A gradient that detach() cut is found before anything is trained with it.</summary>
    [Test]
    public void A_gradient_that_is_not_the_losss_is_refused_at_the_first_evaluation()
    {
        Twin detached = new(Needs.Logits,
            (q, v, _, x) => (x.TokenWeights() * (q.detach() * v + q)).sum());
        Assert.That(() => detached.Evaluate(RandomBatch.Create(1, logits: true)),
            Throws.TypeOf<ConfigException>().With.Message.Contains("finite differences")
                .And.Message.Contains("ConstantQ"));
    }

    [Test]
    public void A_loss_of_another_form_is_refused()
    {
        Twin vector = new(Needs.None, (q, _, _, _) => q), constant = new(Needs.None, (_, _, _, x) => x.Weight.sum());
        Assert.That(() => vector.Evaluate(RandomBatch.Create(1, logits: true)),
            Throws.TypeOf<ConfigException>().With.Message.Contains("one number"));
        Assert.That(() => constant.Evaluate(RandomBatch.Create(1, logits: true)),
            Throws.TypeOf<ConfigException>().With.Message.Contains("a constant"));
    }

    [Test]
    public void A_column_that_was_not_asked_for_is_named()
    {
        Twin careless = new(Needs.None, (q, v, _, x) => (x.TokenWeights() * (q - v - x.RefLogp)).sum());
        ObjectiveBatch batch = RandomBatch.Create(1, logits: true) with { RefLogp = [] };
        Assert.That(() => careless.Evaluate(batch),
            Throws.TypeOf<InvalidOperationException>().With.Message.Contains("Needs.ReferenceLogp"));
    }

    /// <summary>The log-ratio of equal policies is exactly 0, as fp32 rounding is the same on both sides.</summary>
    [Test]
    public void Log_probs_are_rounded_as_the_references()
    {
        double[] q = [1.1, 2.3], v = [3.7, 4.9], logp = [(float)(1.1 - 3.7), (float)(2.3 - 4.9)];
        ObjectiveResult result = s_regression.Evaluate(new()
        {
            RowOffsets = [0, 2],
            Q = q,
            V = v,
            Logp = logp,
            RefLogp = logp,
            Rewards = [0],
        });
        Assert.That(result.Loss, Is.Zero);
        Assert.That(result.DQ, Is.EqualTo(new double[2]));
    }
}
