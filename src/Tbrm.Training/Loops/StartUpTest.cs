using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Threading;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Data.Sources;
using Tbrm.Training.Progress;
using Tbrm.Training.Sessions;
using Tbrm.Training.Trajectories;
using Tbrm.Verify;

namespace Tbrm.Training.Loops;

/// <summary>
/// Before a run begins, the ground truths of its files are graded as answers to their own problems: all that it trains
/// on, or the run stops,
/// and all that it is evaluated on, or it warns. Of a task, whose problems never end, a few.
/// </summary>
internal static class StartUpTest
{
    private const int TaskProbes = 64;

    /// <exception cref="ConfigException">The grader refuses too many of the ground truths that the run would train
    /// on.</exception>
    public static void Run(TrainingSession session, TrainSources sources, IProgressDisplay progress,
        CancellationToken stop)
    {
        foreach (string note in session.Notes.Concat(sources.Notes))
        {
            progress.Say(note);
        }

        if (sources.Ungraded.Any())
        {
            Report("data.trajectories",
                session.Reward.SelfTest(sources.Ungraded, null, session.Encoder.TextOf, isRequired: true, stop));
        }

        if (sources.IsOffline)
        {
            // Nothing is sampled, so that nothing of the prompts' source is graded.
        }
        else if (session.TrainsOnTask)
        {
            session.Reward.SelfTest(First(session.Train!, TaskProbes), session.Demonstrations.Of, null,
                isRequired: true, stop);
        }
        else
        {
            Report("train", session.Reward.SelfTest(
                First(session.Train!, session.Train!.Count ?? TaskProbes), null, session.Encoder.TextOf,
                isRequired: true, stop));
        }

        if (session.Config.Data.ValFiles.Count > 0 && session.Validation is { } validation)
        {
            SelfTestResult? result =
                session.Reward.SelfTest(First(validation, validation.Count ?? TaskProbes), null, session.Encoder.TextOf,
                isRequired: false, stop);
            Report("val", result);
            if (result is not null && result.Share < session.Config.Reward.SelfTestThreshold)
            {
                progress.Say("data.val_files: " + result.Describe(session.Reward.GraderName));
            }
        }

        void Report(string set, SelfTestResult? result)
        {
            if (result is not null)
            {
                string untried = result.Untried > 0
                    ? string.Create(CultureInfo.InvariantCulture, $"; {result.Untried} were left when the time was up")
                    : "";
                progress.Say(string.Create(
                    CultureInfo.InvariantCulture,
                    $"self-test of {set}: {result.Passed} of {result.Total} ground truths are accepted as their own "
                        + $"answer{untried}"));
                foreach (string failure in result.Share >= session.Config.Reward.SelfTestThreshold ? result.Failures
                    : [])
                {
                    progress.Say("  not accepted: " + failure);
                }
            }
        }
    }

    private static IEnumerable<Prompt> First(IPromptSource source, long most)
    {
        for (long i = 0; i < Math.Min(most, source.Count ?? most); i++)
        {
            yield return source.Get(i);
        }
    }
}
