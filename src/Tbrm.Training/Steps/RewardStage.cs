using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;
using Tbrm.Text.Tokenizers;
using Tbrm.Training.Prompts;
using Tbrm.Verify;

namespace Tbrm.Training.Steps;

/// <summary>A response as it was graded.</summary>
/// <param name="Text">Decoded, special tokens removed.</param>
/// <param name="Grade">What the grader said.</param>
public sealed record GradedResponse(string Text, GradeResult Grade);

/// <summary>The verify and reward stages: decodes and grades responses in parallel, each within a wall-clock
/// limit.</summary>
public sealed class RewardStage(IGrader grader, ITokenizer tokenizer, RewardConfig config) : IGradeStage
{
    private readonly RewardManager _manager = new(grader, TimeSpan.FromSeconds(config.TimeoutSeconds));

    /// <summary>Name of the grader.</summary>
    public string GraderName => _manager.Grader.Name;

    /// <summary>Grades trajectories; the result is in their order.</summary>
    public GradedResponse[] Grade(IReadOnlyList<EncodedPrompt> prompts, IReadOnlyList<Trajectory> trajectories,
        CancellationToken stop)
    {
        GradedResponse[] graded = new GradedResponse[trajectories.Count];
        _manager.ForEach(graded.Length, i =>
        {
            Prompt prompt = prompts[trajectories[i].Group].Prompt;
            string text = tokenizer.Decode(trajectories[i].ResponseIds, skipSpecialTokens: true);
            graded[i] = new(text, _manager.Grade(Request(prompt, text), stop));
        }, stop);
        return graded;
    }

    /// <summary>Grades the ground truths themselves: a grader that refuses them would train on zeros.</summary>
    /// <param name="prompts">The problems.</param>
    /// <param name="answerOf">A response that gives the ground truth in the form that the grader expects; null for the
    /// forms that graders of files read.</param>
    /// <param name="textOf">The prompt's text, which may ask for a form of the answer; null for none.</param>
    /// <param name="isRequired">Too few are an error, not a result.</param>
    /// <param name="stop">Stops it.</param>
    /// <returns>What came of it; null without reward.self_test_threshold.</returns>
    /// <exception cref="ConfigException">Fewer than reward.self_test_threshold of them pass, and it is
    /// required.</exception>
    public SelfTestResult? SelfTest(IEnumerable<Prompt> prompts, Func<Prompt, string>? answerOf,
        Func<Prompt, string>? textOf, bool isRequired, CancellationToken stop)
    {
        if (config.SelfTestThreshold <= 0)
        {
            return null;
        }

        IEnumerable<SelfTestRow> rows =
            prompts.Select(p =>
            new SelfTestRow(Request(p, answerOf?.Invoke(p) ?? ""), p.Index + 1,
            textOf is null ? null : () => textOf(p)));
        return GraderSelfTest.Require(_manager, rows, isRequired ? config.SelfTestThreshold : 0,
            stated: answerOf is not null, stop);
    }

    private static GradeRequest Request(Prompt prompt, string text) =>
        new(prompt.DataSource, text, prompt.GroundTruth, prompt.ExtraInfo);
}
