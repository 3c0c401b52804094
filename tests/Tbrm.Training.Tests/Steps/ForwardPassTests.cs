using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;
using Tbrm.Engine;
using Tbrm.Engine.Models;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Tests.Steps;

/// <summary>The reference pass has micro-batches of its own; its result lines up with the update's, bit for
/// bit.</summary>
public sealed class ForwardPassTests
{
    private const int Vocabulary = 50;

    [Test]
    public void The_cut_of_the_reference_pass_changes_nothing([Values(1, 30, 64, 100000)] int maxTokens,
        [Values] bool bf16)
    {
        using EngineDevice device = EngineDevice.Open("cpu", 2);
        using Policy policy =
            Policy.CreateRandom(device, Architecture(), new() { Bf16 = bf16, MaxPositions = 64, Trainable = false },
            seed: 1, std: 0.1f);
        using ReferencePolicy reference = ReferencePolicy.Of(policy);
        IReadOnlyList<Trajectory> trajectories =
            [.. new[] { 3, 0, 17, 9, 1, 12, 8 }.Select((length, i) => Drawn(i, length))];
        PassScores expected = Score(reference, Batch(trajectories, 0));
        TrajectoryBatch cut = Batch(trajectories, maxTokens);
        PassScores actual = Score(reference, cut);
        Assert.That(cut.ReferenceMicroBatches,
            Has.Count.EqualTo(maxTokens switch
            {
                1 => trajectories.Count,
                100000 => 1,
                _ => cut.ReferenceMicroBatches.Count
            }));
        Assert.That(cut.ReferenceMicroBatches.All(
            r => r.End.Value - r.Start.Value == 1 || trajectories.Take(r).Sum(t => t.Length) <= maxTokens));
        Assert.That(actual.Logp, Is.EqualTo(expected.Logp).And.Length.EqualTo(cut.RowCount));
        Assert.That((actual.V1, actual.VEnd), Is.EqualTo((expected.V1, expected.VEnd)));
        Assert.That(actual.Logp, Has.Some.LessThan(-1).And.None.NaN);
        Assert.That(actual.VEnd.Select(v => v != 0), Is.EqualTo(cut.Bootstrap));
    }

    private static PassScores Score(ReferencePolicy reference, TrajectoryBatch batch) =>
        ForwardPass.LogProb(b => reference.LogProb(b, 0.7f), ranks: 1, batch, batch.ReferenceMicroBatches,
            new(default));

    /// <summary>Every third response was cut at the limit, and so has a row for the state behind it.</summary>
    private static Trajectory Drawn(int seed, int length)
    {
        int[] ids = [.. Enumerable.Range(0, length).Select(i => (i * 7 + seed * 13) % Vocabulary)];
        return new()
        {
            Id = seed,
            Group = seed,
            PromptIds = [1, 2, 3 + seed],
            ResponseIds = ids,
            Logp = new float[length],
            ProcessedLogp = new float[length],
            End = seed % 3 == 2 ? TrajectoryEnd.Length : TrajectoryEnd.Stop,
        };
    }

    private static TrajectoryBatch Batch(IReadOnlyList<Trajectory> trajectories, int maxTokens) => new(
        trajectories, [.. trajectories.Select(_ => new GradeResult(1, GradeStatus.Ok))], new()
        {
            Algorithm = new() { Tbrm = new() { Truncation = "bootstrap" } },
            Actor = new() { PpoMaxTokenLenPerGpu = 25 },
            Ref = new() { LogProbMaxTokenLenPerGpu = maxTokens },
        });

    private static ModelArchitecture Architecture() => ModelArchitecture.Parse(new JsonObject
    {
        ["architectures"] = new JsonArray("Qwen2ForCausalLM"),
        ["hidden_size"] = 32,
        ["intermediate_size"] = 48,
        ["num_hidden_layers"] = 2,
        ["num_attention_heads"] = 4,
        ["num_key_value_heads"] = 2,
        ["vocab_size"] = Vocabulary,
    }.ToJsonString(), "test");
}
