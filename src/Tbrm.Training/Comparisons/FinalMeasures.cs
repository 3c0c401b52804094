using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Rollouts;
using Tbrm.Data.Trajectories;
using Tbrm.Training.Config;
using Tbrm.Training.Evaluation;
using Tbrm.Training.Progress;
using Tbrm.Training.Runs;
using Tbrm.Training.Sessions;
using Tbrm.Training.Steps;
using Tbrm.Training.Trajectories;

namespace Tbrm.Training.Comparisons;

/// <summary>
/// What every arm is measured by in the same way, whatever its algorithm records of itself: the newest checkpoint
/// answers the held-out problems several times at temperature 1. pass@k follows from the grades; KL(pi || pi_0) to the
/// policy that the run began with is the mean of log pi - log pi_0 over the first answers.
/// </summary>
public static class FinalMeasures
{
    /// <summary>First answers that the divergence is a mean over.</summary>
    private const int MostForKl = 256;

    /// <summary>Measures a run and writes pass_at_k.json and reference_kl.json into its folder.</summary>
    /// <param name="run">A run with a checkpoint and held-out problems.</param>
    /// <param name="firstModel">The folder of the policy that it began with; null: not known, no divergence.</param>
    /// <param name="samples">Answers to each problem.</param>
    /// <param name="progress">For people.</param>
    /// <param name="stop">Stops it; nothing is written.</param>
    /// <exception cref="DataException">There is no checkpoint.</exception>
    public static void Measure(ComparedRun run, string? firstModel, int samples, IProgressDisplay progress,
        CancellationToken stop)
    {
        RunConfig config = ConfigOf(run, samples);
        string path = Path.Combine(run.Folder.Root, MeasureFiles.AnswersFile);
        EvaluationReport report;
        using (TrainingSession session = TrainingSession.Open(config, trainable: false))
        {
            EvaluationSet set = EvaluationSet.Of(session);
            using RolloutStage rollout = new(session.Policy, session.Tokenizer, config, session.StopIds);
            List<Trajectory> answers = [.. rollout.Evaluate([.. set.Requests()], set.Sampling,
                p => progress.Show("samples", (double)p.Finished / p.Total,
                    $"{p.Finished}/{p.Total} answers"), null, stop)
                .OrderBy(t => t.Id)];
            GradedResponse[] graded = set.Reward.Grade(set.Prompts, answers, stop);
            report = EvaluationReport.Of([.. answers.Select((t, i) => EvaluationRow.ScoreOf(
                string.Create(CultureInfo.InvariantCulture, $"{t.Group}"), set.Prompts[t.Group], t, graded[i]))]);
            RunFolder.WriteLines(path, Enumerable.Range(0, answers.Count)
                .Where(i => EvaluationSet.SampleOf(answers[i].Id) == 0).Take(MostForKl)
                .Select(i => TrajectoryRow.Of(run.Total.Step, 1, session.Tokenizer, set.Prompts[answers[i].Group],
                    answers[i], graded[i])));
        }

        progress.Clear();
        RunFolder.WriteJson(Path.Combine(run.Folder.Root, MeasureFiles.PassFile), report.ToJson());
        if (firstModel is not null)
        {
            WriteKl(run, config, firstModel, path, progress, stop);
        }
    }

    private static RunConfig ConfigOf(ComparedRun run, int samples)
    {
        string[] arguments =
        [
            string.Create(CultureInfo.InvariantCulture, $"rollout.val_kwargs.n={samples}"),
            "rollout.val_kwargs.do_sample=true", "rollout.val_kwargs.temperature=1", "rollout.val_kwargs.top_p=1",
            "rollout.val_kwargs.top_k=-1", "rollout.temperature=1", "rollout.lag=0",
        ];
        TrainedRun trained = TrainedRun.Find(run.Folder.Root, null, _ => { })
            ?? throw new DataException($"{run.Folder.Root} holds no run");
        RunConfig config = ConfigLoader.Load([], trained.Arguments(arguments),
            verbDefaults: trained.ForEvaluation(arguments));
        return config with
        {
            Trainer = config.Trainer with
            {
                Seed = run.Seed,
                Device = run.Config?.Trainer.Device ?? config.Trainer.Device,
                Threads = run.Config?.Trainer.Threads ?? 0,
            },
        };
    }

    private static void WriteKl(ComparedRun run, RunConfig config, string firstModel, string answers,
        IProgressDisplay progress, CancellationToken stop)
    {
        string scored = answers + ".scored";
        RunConfig first = config with
        {
            Model = config.Model with { Path = firstModel, LoraAdapterPath = "", LoraRank = 0, TokenizerPath = "" },
        };
        try
        {
            ReferencePreparation.Write(first, [answers], scored, progress, stop);
            double[] ratios = [.. File.ReadLines(scored).Select(l => RatioOf(JsonNode.Parse(l)!))];
            double mean = ratios.Average();
            RunFolder.WriteJson(Path.Combine(run.Folder.Root, MeasureFiles.KlFile), new()
            {
                ["rows"] = new JsonArray(new JsonObject
                {
                    ["step"] = run.Total.Step,
                    ["kl"] = double.IsFinite(mean) ? mean : null,
                    ["standard_error"] = double.IsFinite(mean) ? Intervals.StandardError(ratios) : null,
                    ["responses"] = ratios.Length,
                }),
            });
        }
        finally
        {
            File.Delete(scored);
        }
    }

    private static double RatioOf(JsonNode row) => row[TrajectoryKeys.Logp]!.AsArray()
        .Zip(row[TrajectoryKeys.RefLogp]!.AsArray(), (a, b) => Number(a) - Number(b)).Sum();

    /// <summary>What is not finite stands as a text.</summary>
    private static double Number(JsonNode? value) => value?.GetValueKind() == System.Text.Json.JsonValueKind.Number
        ? value.GetValue<double>() : double.NaN;
}
