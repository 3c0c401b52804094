using System;
using System.IO;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Files;
using Tbrm.Engine;
using Tbrm.Engine.Checkpoint;
using Tbrm.Engine.Models;
using Tbrm.Text.Tokenizers;
using Tbrm.Training.Config;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Sessions;

/// <summary>An adapter with the base that it belongs to.</summary>
/// <param name="Adapter">PEFT folder.</param>
/// <param name="Base">Model folder.</param>
/// <param name="Companions">Folder with the tokenizer and generation_config.json.</param>
public sealed record AdapterSource(string Adapter, string Base, string Companions)
{
    /// <summary>Whether the base is part of the checkpoint, and goes when that goes.</summary>
    public bool BaseIsInCheckpoint { get; private init; }

    /// <summary>The adapter of a run's newest whole checkpoint, or of the one that is named (a step, best); damaged
    /// ones are reported.</summary>
    public static AdapterSource OfRun(RunFolder run, string? baseFolder, Action<string> warn,
        string which = TrainedRun.Newest)
    {
        RunConfig config = ConfigLoader.Load(
            File.Exists(run.ConfigPath) ? run.ConfigPath
            : throw new DataException($"{run.Root} has no config.resolved.yaml"), []);
        string root = config.Trainer.DefaultLocalDir.Length > 0 ? config.Trainer.DefaultLocalDir : run.CheckpointPath;
        return OfCheckpoint(TrainedRun.Select(new(root, keep: 0), which, warn), baseFolder);
    }

    /// <summary>The adapter of a checkpoint (a global_step_N folder).</summary>
    /// <param name="checkpoint">The folder.</param>
    /// <param name="baseFolder">Where the base is now; null: where the run had it, or in the checkpoint. Another base
    /// is an error.</param>
    public static AdapterSource OfCheckpoint(string checkpoint, string? baseFolder = null)
    {
        CheckpointStore.Verify(checkpoint);
        string adapter = RunState.AdapterFolderOf(checkpoint), companions = RunState.ModelFolderOf(checkpoint),
            reference = RunState.ReferenceFolderOf(checkpoint);
        if (!PeftFolder.IsAdapter(adapter))
        {
            throw new DataException($"checkpoint {checkpoint} holds a whole model, not an adapter: {companions}");
        }

        if (Directory.Exists(reference))
        {
            if (baseFolder is null)
            {
                return new(adapter, Path.GetFullPath(reference), companions) { BaseIsInCheckpoint = true };
            }

            BaseModelRecord.CheckSame(reference, baseFolder);
            return new(adapter, baseFolder, companions);
        }

        string record = RunState.BaseRecordPathOf(checkpoint), folder = baseFolder ?? BaseModelRecord.PathIn(record);
        BaseModelRecord.Check(record, folder);
        return new(adapter, folder, companions);
    }

    /// <summary>An adapter folder of any origin.</summary>
    /// <param name="adapter">PEFT folder.</param>
    /// <param name="baseFolder">The base; null: the folder that the adapter names.</param>
    public static AdapterSource OfFolder(string adapter, string? baseFolder)
    {
        if (baseFolder is not null && !Directory.Exists(baseFolder))
        {
            throw new DataException($"--base {baseFolder}: there is no such folder");
        }

        string named = PeftFolder.BaseName(adapter), folder = baseFolder ?? named;
        return folder.Length > 0 && Directory.Exists(folder) ? new(adapter, folder, folder)
            : throw new DataException(
                $"{adapter} belongs to the base model '{named}', which is no folder here; name its folder with --base");
    }

    /// <summary>Writes the adapter as a PEFT folder that names its base.</summary>
    /// <param name="output">Where.</param>
    /// <param name="note">Told when the base may go away.</param>
    public void WriteAdapter(string output, Action<string> note)
    {
        WriteFolder(output, folder =>
        {
            foreach (string name in PeftFolder.Files)
            {
                File.Copy(Path.Combine(Adapter, name), Path.Combine(folder, name));
            }

            PeftFolder.Rebase(folder, Path.GetFullPath(Base));
        });
        if (BaseIsInCheckpoint)
        {
            note(
                $"the adapter's base is part of a checkpoint, {Base}, and is removed with it; to keep it, copy that "
                    + "folder elsewhere and export with --base COPY, or use export merge");
        }
    }

    /// <summary>Writes base and adapter as one ordinary model folder.</summary>
    /// <param name="output">Where.</param>
    /// <param name="dtype"><c>auto</c> (the base's, fp32 for a float16 one), <c>fp32</c> or <c>bf16</c>.</param>
    /// <param name="note">Told when the type is not the base's.</param>
    public void WriteMerged(string output, string dtype, Action<string> note)
    {
        using EngineDevice device = EngineDevice.Open("cpu", 0);
        using Policy policy = Merged(device, dtype);
        // bf16 has 3 bits less than float16: every weight would be rounded, also those that the adapter leaves alone.
        if (dtype == "auto" && policy.Architecture.TorchDtype is not ("bfloat16" or "float32"))
        {
            note(
                $"the base is {policy.Architecture.TorchDtype}, which is read but not written; the merged weights are "
                    + "float32, which holds its values exactly (--dtype bf16: half the size, rounded)");
        }

        WriteFolder(output, folder =>
        {
            ModelFolder.Save(policy, folder, GenerationFile.Read(Companions));
            if (Tokenizer.IsIn(Companions))
            {
                Tokenizer.Load(Companions).Save(folder);
            }
        });
    }

    /// <summary>Base and adapter as one model.</summary>
    internal Policy Merged(EngineDevice device, string dtype)
    {
        AdapterOptions options = PeftFolder.Read(Adapter);
        Policy policy = ModelFolder.Load(device, Base, architecture => new()
        {
            Bf16 = dtype == "bf16" || (dtype == "auto" && architecture.TorchDtype == "bfloat16"),
            MaxPositions = 1,
            Trainable = false,
        });
        try
        {
            // Trainable: the file's fp32 is merged, not what bf16 would leave of it.
            policy.AttachAdapter(options, trainable: true, seed: 0);
            PeftFolder.LoadWeights(policy, Adapter);
            policy.MergeAdapter();
            return policy;
        }
        catch
        {
            policy.Dispose();
            throw;
        }
    }

    /// <summary>Fills a folder under another name and renames it: it is whole or it is not there. Only what was made
    /// here is ever removed.</summary>
    private static void WriteFolder(string output, Action<string> write)
    {
        string final = Path.TrimEndingDirectorySeparator(Path.GetFullPath(output));
        if (File.Exists(final) || (Directory.Exists(final) && Directory.GetFileSystemEntries(final).Length > 0))
        {
            throw new DataException($"{output} exists already; name a folder that does not, or is empty");
        }

        string temporary = Path.Combine(Path.GetDirectoryName(final) ?? final, $".tbrm-export-{Guid.NewGuid():N}");
        DiskErrors.Translated($"writing {final}", () =>
        {
            try
            {
                Directory.CreateDirectory(temporary);
                write(temporary);
                DurableFiles.SyncTree(temporary);
                if (Directory.Exists(final))
                {
                    // Not recursive: what came into the empty folder meanwhile is not ours, and stops the export.
                    Directory.Delete(final);
                }

                Directory.Move(temporary, final);
            }
            catch
            {
                if (Directory.Exists(temporary))
                {
                    Directory.Delete(temporary, recursive: true);
                }

                throw;
            }
        });
    }
}
