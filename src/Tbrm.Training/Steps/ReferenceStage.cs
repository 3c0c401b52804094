using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Rollouts;
using Tbrm.Objectives;
using Tbrm.Training.Progress;

namespace Tbrm.Training.Steps;

/// <summary>The ref stage: what the reference policy says of the trajectories, which keep it. Of those that have it
/// already, it is not computed again.</summary>
/// <param name="reference">The reference policy; null where there is none in memory, so that every trajectory must
/// bring its own numbers.</param>
/// <param name="algorithm">What it needs.</param>
/// <param name="config">The configuration.</param>
/// <param name="clock">Times the pass.</param>
internal sealed class ReferenceStage(IReferenceScorer? reference, AlgorithmSelection algorithm, RunConfig config,
    PhaseClock clock)
{
    private const Needs Asked = Needs.ReferenceLogp | Needs.ReferenceValue;

    /// <summary>Resets of the reference so far: what was said before the last of them is asked again.</summary>
    public long Version { get; set; }

    /// <summary>Whether anything needs it.</summary>
    public bool IsNeeded { get; } = reference is not null || config.Algorithm.UseKlInReward
        || (algorithm.Needs & Asked) != 0;

    /// <summary>The sample with the reference's numbers.</summary>
    /// <exception cref="DataException">There is no reference policy, and a trajectory has no numbers of
    /// one.</exception>
    public StepSample Complete(StepSample sample, StepStop stop)
    {
        int[] missing = IsNeeded
            ? [.. Enumerable.Range(0, sample.Trajectories.Count).Where(i => !IsKnown(sample.Trajectories[i]))] : [];
        if (missing.Length == 0)
        {
            return sample;
        }

        if (reference is null)
        {
            string where = sample.Records.Count > 0 ? sample.Records[missing[0]].Where : "a sampled trajectory";
            string keys = sample.Trajectories[missing[0]].Reference is null ? "ref_logp"
                : "ref_v1, or ref_v_end of a response that was cut off";
            throw new DataException(
                $"{where}: the trajectory has no log-probs of the reference policy ({keys}), "
                + "and there is no reference policy in memory; add them to the file: tbrm-native data prepare FILE "
                + "--reference MODEL --out FILE");
        }

        TrajectoryBatch batch =
            new([.. missing.Select(i => sample.Trajectories[i])], [.. missing.Select(i => sample.Graded[i].Grade)],
            config);
        float temperature = ActorUpdate.TemperatureOf(config);
        PassScores scores = clock.Measure(
            "ref", () => ForwardPass.LogProb(b => reference.LogProb(b, temperature), reference.Ranks, batch,
            batch.ReferenceMicroBatches, stop));
        reference.ReleaseActivations();
        Trajectory[] trajectories = [.. sample.Trajectories];
        for (int i = 0; i < missing.Length; i++)
        {
            (int begin, int end) = batch.Actions(i);
            float[] logp = new float[end - begin];
            for (int h = 0; h < logp.Length; h++)
            {
                logp[h] = (float)scores.Logp[begin + h];
            }

            Trajectory asked = trajectories[missing[i]] with
            {
                Reference = new(logp, (float)scores.V1[i],
                batch.Bootstrap[i] ? (float)scores.VEnd[i] : null, Version)
            };
            trajectories[missing[i]] = asked;
            if (sample.Records.Count > 0)
            {
                sample.Records[missing[i]].Trajectory =
                    sample.Records[missing[i]].Trajectory with { Reference = asked.Reference };
            }
        }

        return sample with { Trajectories = trajectories };
    }

    /// <summary>The reference's columns of a completed sample.</summary>
    public ObjectiveBatch Columns(TrajectoryBatch tau, ObjectiveBatch batch)
    {
        if (!IsNeeded)
        {
            return batch;
        }

        IReadOnlyList<Trajectory> all = tau.Trajectories;
        return batch with
        {
            RefLogp = tau.Rows(t => t.Reference!.Logp),
            RefV1 = all.All(t => t.Reference!.V1 is not null) ? [.. all.Select(t => (double)t.Reference!.V1!)] : [],
            RefVEnd = [.. all.Select((t, b) => tau.Bootstrap[b] ? t.Reference!.VEnd ?? 0.0 : 0.0)],
        };
    }

    /// <summary>Whether a trajectory has the reference's numbers that an algorithm needs.</summary>
    public static bool Has(Trajectory trajectory, Needs needs, RunConfig config)
    {
        bool needsValue = needs.HasFlag(Needs.ReferenceValue);
        bool needsEnd = needsValue && trajectory.End == TrajectoryEnd.Length
            && config.Algorithm.Tbrm.Truncation == "bootstrap";
        return trajectory.Reference is { } scores && (!needsValue || scores.V1 is not null)
            && (!needsEnd || scores.VEnd is not null);
    }

    private bool IsKnown(Trajectory trajectory) => trajectory.Reference?.Version == Version
        && Has(trajectory, algorithm.Needs, config);
}
