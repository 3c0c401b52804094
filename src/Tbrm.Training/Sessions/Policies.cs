using System.IO;
using Tbrm.Core.Config;
using Tbrm.Engine.Models;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Sessions;

/// <summary>Further policies of the session's architecture: the reference, in and out of a checkpoint.</summary>
internal static class Policies
{
    public static Policy LoadLike(TrainingSession session, string folder, bool trainable) =>
        ModelFolder.Load(session.Device, folder, _ => session.Policy.Options with { Trainable = trainable });

    /// <summary>The critic of a run that begins: the configured model, or the policy as it is now, with a new
    /// head.</summary>
    public static Critic NewCritic(TrainingSession session)
    {
        CriticModelConfig model = session.Config.Critic.Model;
        ulong seed = (ulong)session.Config.Trainer.Seed;
        PolicyOptions options = session.Policy.Options with { Trainable = true };
        return model.Path.Length > 0
            ? ModelFolder.LoadCritic(session.Device, model.Path, _ => options, seed, (float)model.HeadStd)
            : Critic.FromPolicy(session.Policy, options, seed, (float)model.HeadStd);
    }

    /// <summary>The critic of a checkpoint.</summary>
    public static Critic LoadCritic(TrainingSession session, string checkpoint) =>
        ModelFolder.LoadCritic(session.Device, RunState.ModelFolderOf(checkpoint, RunState.Critic),
            _ => session.Policy.Options with { Trainable = true }, 0, 0);

    public static void SaveLike(TrainingSession session, Policy policy, string folder)
    {
        Directory.CreateDirectory(folder);
        ModelFolder.Save(policy, folder, session.GenerationConfig);
    }
}
