using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using System.Threading;
using Tbrm.Core;
using Tbrm.Data;

namespace Tbrm.Training;

/// <summary>What an evaluation found.</summary>
/// <param name="Metrics">Under verl's names.</param>
/// <param name="Accuracy">Mean score over all responses, data sources weighted by their size.</param>
/// <param name="Rows">One per response: input, output, gts, score, step.</param>
public sealed record Evaluation(MetricSet Metrics, double Accuracy, IReadOnlyList<JsonObject> Rows);

/// <summary>Asks the policy every evaluation prompt and judges the answers.</summary>
public sealed class Evaluator(TrainingSession session, RolloutStage rollout, IProgressDisplay progress)
{
    private readonly Lazy<IReadOnlyList<EncodedPrompt>> _prompts = new(() => Load(session));

    /// <summary>Problems asked.</summary>
    public int Count => _prompts.Value.Count;

    /// <summary>Runs the whole evaluation; <paramref name="step"/> goes into the rows.</summary>
    public Evaluation Run(long step, CancellationToken stop)
    {
        IReadOnlyList<EncodedPrompt> prompts = _prompts.Value;
        IReadOnlyList<Trajectory> trajectories = rollout.Evaluate(
            prompts, p => progress.Show("evaluate", (double)p.Finished / p.Total, $"{p.Finished}/{p.Total} answers"), stop);
        JudgedResponse[] judged = session.Reward.Judge(prompts, trajectories, stop);
        progress.Clear();
        MetricSet metrics = new();
        int n = session.Config.Rollout.ValKwargs.N;
        foreach (IGrouping<string, int> source in Enumerable.Range(0, judged.Length).GroupBy(i => prompts[trajectories[i].Group].Prompt.DataSource, StringComparer.Ordinal))
        {
            metrics[$"val-core/{source.Key}/acc/mean@{n}"] = source.Average(i => judged[i].Verdict.Score);
            metrics[$"val-aux/{source.Key}/response_length/mean"] = source.Average(i => trajectories[i].ResponseIds.Length);
            metrics[$"val-aux/{source.Key}/response_length/clip_ratio"] = source.Average(i => trajectories[i].End == TrajectoryEnd.Length ? 1.0 : 0);
        }

        double accuracy = judged.Length == 0 ? 0 : judged.Average(j => j.Verdict.Score);
        return new(metrics, accuracy, [.. judged.Select((j, i) => Row(step, session, prompts[trajectories[i].Group], trajectories[i], j))]);
    }

    /// <summary>A row of a dump file, with verl's keys.</summary>
    public static JsonObject Row(long step, TrainingSession session, EncodedPrompt prompt, Trajectory trajectory, JudgedResponse judged) => new()
    {
        ["input"] = session.Tokenizer.Decode(prompt.Ids),
        ["output"] = judged.Text,
        ["gts"] = prompt.Prompt.GroundTruth,
        ["score"] = judged.Verdict.Score,
        ["step"] = step,
        ["status"] = judged.Verdict.Status.ToString(),
        ["extracted"] = judged.Verdict.Extracted,
        ["data_source"] = prompt.Prompt.DataSource,
        ["index"] = prompt.Prompt.Index,
        ["finish"] = trajectory.End.ToString(),
        ["response_tokens"] = trajectory.ResponseIds.Length,
    };

    private static List<EncodedPrompt> Load(TrainingSession session)
    {
        IPromptSource source = session.Validation ?? throw new ConfigException("there is nothing to evaluate on: set data.val_files, or data.task");
        List<EncodedPrompt> prompts = [];
        for (long i = 0; i < source.Count; i++)
        {
            prompts.Add(session.Encoder.Encode(source.Get(i)));
        }

        return prompts;
    }
}
