using System.Collections.Generic;
using System.IO;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Data.Trajectories;
using Tbrm.Objectives;

namespace Tbrm.Training.Plans;

/// <summary>What trajectories change in a plan: files that bring the reference's numbers, a buffer to learn from
/// again.</summary>
internal static class TrajectoryMemory
{
    /// <summary>Rows of each file that are looked at: files are written by one program, so that all rows have the same
    /// columns.</summary>
    private const int Looked = 64;

    /// <summary>An id of a response with its log-probs: of the policy, as sampled, of the reference.</summary>
    private const int BytesOfToken = 16;

    /// <summary>Whether a reference policy is in memory: somebody asks for its numbers, and no file brings them
    /// all.</summary>
    public static bool HasReference(RunConfig config, AlgorithmSelection algorithm) =>
        algorithm.NeedsReference && !BringReference(config, algorithm.Needs);

    /// <summary>Whether nothing is sampled for training.</summary>
    public static bool IsOffline(RunConfig config) => config.Rollout.N == 0 && config.Data.Trajectories.Count > 0;

    /// <summary>Whether nothing is sampled at all: no training and no evaluation does.</summary>
    public static bool SamplesNothing(RunConfig config) => IsOffline(config)
        && config.Trainer.TestFreq <= 0 && !config.Trainer.ValBeforeTrain;

    /// <summary>Bytes of a full buffer, every response at its longest; 0 where there is none in memory.</summary>
    public static long ReplayBytes(RunConfig config) => config.Replay.Store != "memory" ? 0
        : (long)config.Replay.Capacity
            * (config.Data.MaxPromptLength * (long)sizeof(int) + config.Data.MaxResponseLength * (long)BytesOfToken);

    /// <summary>As a run decides it, by the first rows of each file; files that are not here bring nothing.</summary>
    private static bool BringReference(RunConfig config, Needs needs) => IsOffline(config)
        && config.Ref.ResetSteps == 0 && !needs.HasFlag(Needs.VStar)
        && config.Data.Trajectories.All(f => File.Exists(f) && HasReference(f, config, needs));

    private static bool HasReference(string path, RunConfig config, Needs needs)
    {
        IEnumerable<StoredTrajectory> rows = TrajectoryRows.Read(
            path, new() { Prompt = config.Data.PromptKey, DataSource = config.Data.RewardFnKey }).Take(Looked);
        return rows.All(r => r.Reference is { } reference
            && (!needs.HasFlag(Needs.ReferenceValue) || reference.V1 is not null));
    }
}
