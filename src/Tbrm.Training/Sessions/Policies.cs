using System.IO;
using Tbrm.Engine.Models;

namespace Tbrm.Training.Sessions;

/// <summary>Further policies of the session's architecture: the reference, in and out of a checkpoint.</summary>
internal static class Policies
{
    public static Policy LoadLike(TrainingSession session, string folder, bool trainable) =>
        ModelFolder.Load(session.Device, folder, _ => session.Policy.Options with { Trainable = trainable });

    public static void SaveLike(TrainingSession session, Policy policy, string folder)
    {
        Directory.CreateDirectory(folder);
        ModelFolder.Save(policy, folder, session.GenerationConfig);
    }
}
