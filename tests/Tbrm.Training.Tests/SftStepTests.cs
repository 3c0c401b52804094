using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Engine.Optimizer;
using Tbrm.Training.Prompts;
using Tbrm.Training.Sessions;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Tests;

/// <summary>What a supervised step counts and when it changes nothing.</summary>
public sealed class SftStepTests
{
    private static readonly ScoredSequence s_example = new(new[] { 1, 2, 3 }, new[] { 4, 5 });

    private static readonly RunConfig s_config = new()
    {
        Data = new() { Task = "chain_sum", MaxPromptLength = 64, MaxResponseLength = 16 },
        Model = new()
        {
            Dtype = "fp32",
            Scratch = new()
            {
                HiddenSize = 32,
                IntermediateSize = 64,
                NumHiddenLayers = 1,
                NumAttentionHeads = 2,
                NumKeyValueHeads = 2
            }
        },
        Sft = new() { TotalTrainingSteps = 6, TrainBatchSize = 2, Optim = new() { Lr = 1e-2 } },
        Trainer = new() { Device = "cpu", Threads = 1 },
    };

    [Test]
    public void The_epoch_is_that_of_the_examples_of_the_step()
    {
        using TrainingSession session = TrainingSession.Open(s_config, trainable: true);
        using TrainedPolicy policy = new(session.Policy, session.Config.Sft.Optim, session.Config.Sft.GradClip, 6);
        SftStep step = new(_ => policy, session.Config, new Source(count: 4));
        double[] epochs = [.. Enumerable.Range(1, 6).Select(i => step.Run(i, default).Metrics["training/epoch"])];
        Assert.That(epochs, Is.EqualTo(new double[] { 0, 0, 1, 1, 2, 2 }));
    }

    [TestCase(double.NaN)]
    [TestCase(double.PositiveInfinity)]
    public void A_loss_that_is_no_number_changes_nothing_and_leaves_no_gradient(double loss)
    {
        using TrainingSession session = TrainingSession.Open(s_config, trainable: true);
        using TrainedPolicy policy = new(session.Policy, session.Config.Sft.Optim, session.Config.Sft.GradClip, 6);
        SftStep step = new(_ => policy, session.Config, new Source(count: 4));
        PackedBatch batch = new([s_example]);
        Scores before = session.Policy.LogProb(batch, 1, keep: true);
        session.Policy.Backward([.. before.Q.Select(_ => -1f)], [.. before.V.Select(_ => 1f)], []);
        OptimizerResult skipped = step.Update(loss, step: 1);
        Assert.That((skipped.Applied, double.IsNaN(skipped.GradNorm)), Is.EqualTo((false, true)));
        Assert.That(session.Policy.LogProb(batch, 1).Q, Is.EqualTo(before.Q));
        OptimizerResult next = step.Update(loss: 1, step: 1);
        Assert.That((next.Applied, next.GradNorm), Is.EqualTo((true, 0.0)),
            "the gradient of the step that was skipped is gone");
    }

    private sealed class Source(long count) : ISupervisedSource
    {
        public long? Count => count;

        public ScoredSequence Get(long index) => s_example;
    }
}
