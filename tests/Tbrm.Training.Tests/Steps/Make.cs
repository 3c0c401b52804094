using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;
using Tbrm.Training.Config;
using Tbrm.Training.Prompts;

namespace Tbrm.Training.Tests.Steps;

/// <summary>Trajectories, grades and configurations that tests of the training step are made of.</summary>
internal static class Make
{
    /// <summary>A trajectory of some response tokens; every log-prob is -1 nat.</summary>
    public static Trajectory Trajectory(int group, int tokens = 3, TrajectoryEnd end = TrajectoryEnd.Stop,
        long id = 0) => new()
        {
            Id = id,
            Group = group,
            PromptIds = [1, 2],
            ResponseIds = [.. Enumerable.Range(3, tokens)],
            Logp = [.. Enumerable.Repeat(-1f, tokens)],
            ProcessedLogp = [.. Enumerable.Repeat(-1f, tokens)],
            End = end,
        };

    /// <summary>Grades of graders that came to a score.</summary>
    public static GradeResult[] Scores(params double[] scores) =>
        [.. scores.Select(s => new GradeResult(s, GradeStatus.Ok))];

    /// <summary>A configuration from key=value arguments over the defaults of a given model.</summary>
    public static RunConfig Config(params string[] arguments) =>
        ConfigLoader.Load([], ["model.path=unused", .. arguments]);

    /// <summary>Prompts of two tokens.</summary>
    public static EncodedPrompt[] Prompts(int count) => [.. Enumerable.Range(0, count).Select(i => new EncodedPrompt(
        new() { DataSource = "test", Messages = [new("user", "?")], GroundTruth = GroundTruth.Of("1"), Index = i },
            [1, 2 + i % 8]))];
}
