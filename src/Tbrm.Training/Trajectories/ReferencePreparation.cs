using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Rewards;
using Tbrm.Data.Json;
using Tbrm.Data.Prompts;
using Tbrm.Data.Trajectories;
using Tbrm.Engine.Models;
using Tbrm.Objectives;
using Tbrm.Training.Progress;
using Tbrm.Training.Sessions;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Trajectories;

/// <summary>
/// Writes files of trajectories again, with ids and with what a reference policy says of them: log pi_ref of every
/// token, V_ref(s_1), and
/// V_ref(s_{H+1}) of responses that were cut off. Training from the result needs no reference policy in memory.
/// </summary>
public static class ReferencePreparation
{
    /// <summary>Rows that are scored together.</summary>
    private const int RowsAtOnce = 256;

    /// <summary>Reads, scores and writes; the output appears under its name only when it is complete.</summary>
    /// <param name="config">model.path is the reference; limits, template and rollout.temperature are those of the
    /// training to come.</param>
    /// <param name="inputs">Files of trajectories.</param>
    /// <param name="output">A jsonl file.</param>
    /// <param name="progress">Shown how far it is.</param>
    /// <param name="stop">Stops it; nothing is left.</param>
    /// <returns>Rows that were written.</returns>
    /// <exception cref="Core.Errors.DataException">A file is missing or damaged, or a row does not fit the
    /// model.</exception>
    public static long Write(RunConfig config, IReadOnlyList<string> inputs, string output, IProgressDisplay progress,
        CancellationToken stop)
    {
        // An algorithm that needs everything that a reference can say, and bootstrap its value at the end of a response
        // that was cut off.
        const Needs all = Needs.ReferenceLogp | Needs.ReferenceValue;
        string name = AlgorithmTable.Entries.First(e => e.CanBootstrap && (e.Objective([]).Needs & all) == all).Name;
        RunConfig scoring = config with
        {
            Algorithm = config.Algorithm with
            {
                Name = name,
                Tbrm = config.Algorithm.Tbrm with { Truncation = "bootstrap", RewardNormalization = "none" }
            }
        };
        using TrainingSession session = TrainingSession.Open(scoring, trainable: false);
        ReferenceStage stage =
            new(new ReferenceScorer(ReferencePolicy.Owning(session.Policy)), AlgorithmSelection.Of(scoring), scoring,
            new());
        TrajectoryFileReader reader =
            new(session.Encoder, scoring, session.Policy.Architecture.VocabSize, session.StopIds)
            {
                NeedsGrade = false,
            };
        using JsonLinesWriter writer = new(output);
        foreach (string input in inputs)
        {
            long number = 0;
            PromptKeys keys = new() { Prompt = scoring.Data.PromptKey, DataSource = scoring.Data.RewardFnKey };
            foreach (StoredTrajectory[] rows in TrajectoryRows.Read(input, keys).Chunk(RowsAtOnce))
            {
                stop.ThrowIfCancellationRequested();
                TrajectoryRecord[] records =
                    [.. rows.Select(r => reader.Encode(r with { Reference = null }, number++))];
                Score(stage, records, stop);
                for (int i = 0; i < rows.Length; i++)
                {
                    writer.Write(TrajectoryRow.Completed(
                        rows[i].Row, records[i].Trajectory, ActorUpdate.TemperatureOf(scoring)));
                }

                progress.Show("reference", 0, $"{input}: {number} trajectories");
            }
        }

        progress.Clear();
        if (writer.Rows > 0)
        {
            writer.Complete();
        }

        return writer.Rows;
    }

    private static void Score(ReferenceStage stage, TrajectoryRecord[] records, CancellationToken stop)
    {
        StepSample sample = new(
            [.. records.Select(r => r.Prompt)], [.. records.Select((r, i) => r.Trajectory with { Group = i })],
            [.. records.Select(_ => new GradedResponse("", new GradeResult(0, GradeStatus.Ok)))])
        {
            Records = records,
        };
        _ = stage.Complete(sample, new StepStop(stop));
    }
}
