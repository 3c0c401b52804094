using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using System.Threading;
using Tbrm.Core.Rollouts;
using Tbrm.Engine.Rollout;
using Tbrm.Training.Metrics;
using Tbrm.Training.Progress;
using Tbrm.Training.Prompts;
using Tbrm.Training.Sessions;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Evaluation;

/// <summary>What an evaluation found.</summary>
/// <param name="Report">Per data source and overall.</param>
/// <param name="Metrics">The report under verl's names.</param>
/// <param name="Rows">One per response, in order: input, output, gts, score, step and more
/// (<see cref="EvaluationRow"/>).</param>
public sealed record EvaluationResult(EvaluationReport Report, MetricSet Metrics, IReadOnlyList<JsonObject> Rows)
{
    /// <summary>Mean accuracy over all problems, data sources weighted by their size.</summary>
    public double Accuracy => Report.MicroMean;
}

/// <summary>Samples responses to every evaluation prompt and grades them.</summary>
public sealed class Evaluator(TrainingSession session, IEvaluationRollout rollout, IProgressDisplay progress)
{
    private readonly Lazy<EvaluationSet> _own = new(() =>
    {
        EvaluationSet set = EvaluationSet.Of(session);
        if (set.Unasked is { } unasked)
        {
            progress.Warn(unasked);
        }

        return set;
    });

    /// <summary>Problems of the session's own configuration.</summary>
    public int Count => _own.Value.Prompts.Count;

    /// <summary>Evaluates on the session's own prompts; <paramref name="step"/> goes into the rows.</summary>
    public EvaluationResult Run(long step, CancellationToken stop) => Run([_own.Value], null, step, stop);

    /// <summary>Evaluates on some sets, one after the other.</summary>
    /// <param name="sets">The sets; their names differ.</param>
    /// <param name="journal">Where responses are saved as they finish, and taken from; null when they are not.</param>
    /// <param name="step">Goes into the rows.</param>
    /// <param name="stop">Stops it; what the journal holds stays.</param>
    public EvaluationResult Run(IReadOnlyList<EvaluationSet> sets, EvaluationJournal? journal, long step,
        CancellationToken stop)
    {
        List<JsonObject> rows = [];
        List<ResponseScore> scores = [];
        foreach (EvaluationSet set in sets)
        {
            List<Trajectory> trajectories = Sample(set, journal, stop);
            GradedResponse[] graded = set.Reward.Grade(set.Prompts, trajectories, stop);
            progress.Clear();
            for (int i = 0; i < graded.Length; i++)
            {
                EncodedPrompt prompt = set.Prompts[trajectories[i].Group];
                rows.Add(EvaluationRow.Of(
                    step, session.Tokenizer, prompt, trajectories[i], graded[i],
                    EvaluationSet.SampleOf(trajectories[i].Id)));
                scores.Add(EvaluationRow.ScoreOf(
                    $"{set.Name}:{trajectories[i].Group}", prompt, trajectories[i], graded[i]));
            }
        }

        EvaluationReport report = EvaluationReport.Of(scores);
        return new(report, report.ToMetrics(), rows);
    }

    /// <summary>All responses of a set, sample by sample of problem by problem; those that the journal knows are not
    /// sampled again.</summary>
    private List<Trajectory> Sample(EvaluationSet set, EvaluationJournal? journal, CancellationToken stop)
    {
        List<Trajectory> all = [];
        List<RolloutRequest> missing = [];
        foreach (RolloutRequest request in set.Requests())
        {
            List<long> ids = [];
            foreach (long id in request.TrajectoryIds)
            {
                if (journal?.Find(set.Name, request, id) is { } known)
                {
                    all.Add(known);
                }
                else
                {
                    ids.Add(id);
                }
            }

            if (ids.Count > 0)
            {
                missing.Add(request with { TrajectoryIds = [.. ids] });
            }
        }

        string phase = set.Name.Length > 0 ? $"evaluate {set.Name}" : "evaluate";
        int before = all.Count;
        all.AddRange(rollout.Evaluate(missing, set.Sampling,
            p => progress.Show(phase, (double)(before + p.Finished) / set.Responses,
                $"{before + p.Finished}/{set.Responses} answers"),
            journal is null ? null : t => journal.Add(set.Name, t), stop));
        return [.. all.OrderBy(t => t.Id)];
    }
}
