using System.IO;
using Tbrm.Core.Errors;
using Tbrm.Engine.Models;
using Tbrm.Training.Runs;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Sessions;

/// <summary>rollout.beta_scale: samples from pi_ref^(1 - x) pi^x.</summary>
public static class ReferenceMixture
{
    /// <summary>Loads the reference and mixes it in; null where the scale is 1. Dispose it after the rollout.</summary>
    /// <exception cref="ConfigException">No reference is named, or there is no model in its folder.</exception>
    public static Policy? Apply(TrainingSession session, RolloutStage rollout)
    {
        double scale = session.Config.Rollout.BetaScale;
        if (scale == 1)
        {
            return null;
        }

        string folder = session.Config.Ref.Path;
        if (folder.Length == 0)
        {
            throw new ConfigException(Named(scale)
                + " needs the reference policy, and none is known: the run kept none, or model.path is no run; name "
                + "its folder with ref.path=DIR");
        }

        if (!File.Exists(Path.Combine(folder, "config.json")))
        {
            throw new ConfigException($"ref.path={folder} is no model folder (there is no config.json in it)");
        }

        Policy reference = Policies.LoadLike(session, folder, trainable: false);
        try
        {
            if (reference.Architecture.VocabSize != session.Policy.Architecture.VocabSize)
            {
                throw new ConfigException(
                    $"{Named(scale)}: the reference in {folder} has {reference.Architecture.VocabSize} tokens and the "
                        + $"policy {session.Policy.Architecture.VocabSize}; distributions over other tokens cannot be "
                        + $"mixed");
            }

            rollout.MixWith(reference, scale);
            return reference;
        }
        catch
        {
            reference.Dispose();
            throw;
        }
    }

    /// <summary>The reference that a checkpoint of a run kept: the initial policy, or an adapter's base; empty for
    /// none.</summary>
    public static string FolderOf(TrainedRun run)
    {
        string kept = RunState.ReferenceFolderOf(run.Checkpoint);
        return Directory.Exists(kept) ? kept
            : PeftFolder.IsAdapter(RunState.AdapterFolderOf(run.Checkpoint))
                ? AdapterSource.OfCheckpoint(run.Checkpoint).Base
            : "";
    }

    private static string Named(double scale) =>
        System.FormattableString.Invariant($"rollout.beta_scale={scale}");
}
