using System.IO;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine.Models;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Sessions;

/// <summary>
/// Where a run's critic comes from and where it goes: the configured model, or the policy as it is before the first
/// step; with an
/// adapter that body is frozen, and adapter and value head are what is trained and saved.
/// </summary>
internal sealed class CriticSource(TrainingSession session)
{
    private CriticModelConfig Model => session.Config.Critic.Model;

    /// <summary>The folder whose weights the body has; empty for a body that was made from scratch, which is in no
    /// folder.</summary>
    private string BaseFolder => Model.Path.Length > 0 ? Model.Path : session.Config.Model.Path;

    /// <summary>The critic of a run that begins.</summary>
    public Critic New()
    {
        ulong seed = (ulong)session.Config.Trainer.Seed;
        float std = (float)Model.HeadStd;
        AdapterOptions? adapter = AdapterOptions.Of(Model);
        PolicyOptions options = Options(adapter);
        Critic critic = Model.Path.Length > 0
            ? ModelFolder.LoadCritic(session.Device, Model.Path, _ => options, seed, std)
            : Critic.FromPolicy(session.Policy, options, seed, std);
        return Adapted(critic, adapter, Model.LoraAdapterPath);
    }

    /// <summary>The critic of a checkpoint.</summary>
    /// <exception cref="DataException">It has another adapter than the configuration says, or its base has
    /// changed.</exception>
    public Critic Load(string checkpoint)
    {
        AdapterOptions? stored = StoredAdapter(Model, checkpoint);
        string own = RunState.ModelFolderOf(checkpoint, RunState.Critic),
            folder = RunState.AdapterFolderOf(checkpoint, RunState.Critic);
        string record = RunState.BaseRecordPathOf(checkpoint, RunState.Critic);
        bool isElsewhere = stored is not null && File.Exists(record);
        if (isElsewhere)
        {
            BaseModelRecord.Check(record, BaseFolder);
        }

        Critic critic = ModelFolder.LoadCritic(
            session.Device, isElsewhere ? BaseFolder : own, _ => Options(stored), 0, 0);
        return Adapted(critic, stored, folder);
    }

    /// <summary>Refuses a checkpoint whose critic has another adapter than the configuration says: before anything of
    /// the run is
    /// written.</summary>
    public static void Check(RunConfig config, string checkpoint)
    {
        bool hasOwn = Directory.Exists(RunState.ModelFolderOf(checkpoint, RunState.Critic)),
            isShared = File.Exists(RunState.ValueHeadPathOf(checkpoint));
        if ((hasOwn || isShared) && config.Critic.SharedTrunk != isShared)
        {
            throw new ConfigException($"checkpoint {checkpoint} holds a critic "
                + $"{(isShared ? "that is a head on the policy's body" : "with a body of its own")}; the configuration "
                + $"says critic.shared_trunk={(isShared ? "false" : "true")}; leave it as it was, or begin a new run");
        }

        if (hasOwn)
        {
            _ = StoredAdapter(config.Critic.Model, checkpoint);
        }
    }

    /// <summary>Writes a critic into a checkpoint: whole, or its adapter and which folder its base is. A base that is
    /// in no folder is
    /// saved with it.</summary>
    public void Save(Critic critic, string checkpoint)
    {
        string own = RunState.ModelFolderOf(checkpoint, RunState.Critic);
        Directory.CreateDirectory(own);
        if (critic.Adapter is null || BaseFolder.Length == 0)
        {
            ModelFolder.Save(critic, own);
        }
        else
        {
            ModelFolder.SaveConfig(critic, own);
            BaseModelRecord.Write(RunState.BaseRecordPathOf(checkpoint, RunState.Critic), BaseFolder);
        }

        if (critic.Adapter is not null)
        {
            string adapter = RunState.AdapterFolderOf(checkpoint, RunState.Critic);
            Directory.CreateDirectory(adapter);
            PeftFolder.Save(critic, adapter, BaseFolder.Length > 0 ? Path.GetFullPath(BaseFolder) : "");
        }
    }

    private static AdapterOptions? StoredAdapter(CriticModelConfig model, string checkpoint)
    {
        string folder = RunState.AdapterFolderOf(checkpoint, RunState.Critic);
        AdapterOptions? stored = PeftFolder.IsAdapter(folder) ? PeftFolder.Read(folder) : null;
        // A run that began with an adapter's folder took its shape from there; the folder is not needed any more.
        AdapterOptions? wanted = model.LoraAdapterPath.Length > 0 ? stored : AdapterOptions.Of(model);
        return stored == wanted && (stored is not null || model.LoraAdapterPath.Length == 0) ? stored
            : throw new DataException(
                $"checkpoint {checkpoint} holds a critic {Describe(stored)}; the configuration says "
                + $"{Describe(wanted)} (critic.model.lora_*); leave these keys as they were, or begin a new run");
    }

    /// <summary>As the policy is held; trained whole unless there is an adapter.</summary>
    private PolicyOptions Options(AdapterOptions? adapter) =>
        session.Policy.Options with { Trainable = adapter is null };

    private Critic Adapted(Critic critic, AdapterOptions? adapter, string folder)
    {
        try
        {
            if (adapter is not null)
            {
                critic.AttachAdapter(adapter, trainable: true, (ulong)session.Config.Trainer.Seed);
            }

            if (folder.Length > 0 && adapter is not null)
            {
                PeftFolder.LoadWeights(critic, folder);
            }

            return critic;
        }
        catch
        {
            critic.Dispose();
            throw;
        }
    }

    private static string Describe(AdapterOptions? adapter) =>
        adapter is null ? "without an adapter" : "with an adapter " + ModelSource.Describe(adapter);
}
