using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Tbrm.Core;
using Tbrm.Interop;

namespace Tbrm.Engine;

/// <summary>
/// verl's checkpoint layout: <c>global_step_N/</c> folders and <c>latest_checkpointed_iteration.txt</c>. A checkpoint is written under
/// another name, synced, and renamed: it is whole or it is not there.
/// </summary>
public sealed class CheckpointStore(string root, int keep)
{
    private const string Prefix = "global_step_";
    private const string LatestFile = "latest_checkpointed_iteration.txt";

    /// <summary>The folder that holds the checkpoints.</summary>
    public string Root { get; } = root;

    /// <summary>The folder of a step's checkpoint, whether it exists or not.</summary>
    public string FolderOf(long step) => Path.Combine(Root, Prefix + step.ToString(CultureInfo.InvariantCulture));

    /// <summary>
    /// Writes a checkpoint: <paramref name="write"/> fills an empty folder. Older ones beyond the number to keep are deleted afterwards, but
    /// never <paramref name="protectedSteps"/>.
    /// </summary>
    public void Save(long step, Action<string> write, IReadOnlyCollection<long> protectedSteps)
    {
        string final = FolderOf(step), temporary = Path.Combine(Root, "." + Prefix + step.ToString(CultureInfo.InvariantCulture) + ".tmp");
        DiskErrors.Translated($"saving checkpoint {final}", () =>
        {
            Directory.CreateDirectory(Root);
            Remove(temporary);
            try
            {
                Directory.CreateDirectory(temporary);
                write(temporary);
                DurableFiles.SyncTree(temporary);
                CheckpointManifest.Write(temporary, step);
                Remove(final);
                Directory.Move(temporary, final);
                DurableFiles.SyncFolder(Root);
                DurableFiles.ReplaceText(Path.Combine(Root, LatestFile), step.ToString(CultureInfo.InvariantCulture) + "\n");
            }
            catch
            {
                Remove(temporary);
                throw;
            }

            Prune(protectedSteps);
        });
    }

    /// <summary>
    /// The newest checkpoint whose files are what its manifest says, or null when there is none. Damaged ones are passed over and reported.
    /// </summary>
    public string? Latest(Action<string> warn)
    {
        foreach (long step in Steps().OrderDescending())
        {
            string folder = FolderOf(step);
            string? problem = CheckpointManifest.Problem(folder);
            if (problem is null)
            {
                return folder;
            }

            warn($"checkpoint {folder} is damaged and passed over: {problem}");
        }

        return null;
    }

    /// <summary>Throws unless the folder is a whole checkpoint.</summary>
    public static void Verify(string folder)
    {
        string? problem = Directory.Exists(folder) ? CheckpointManifest.Problem(folder) : "there is no such folder";
        if (problem is not null)
        {
            throw new DataException($"checkpoint {folder}: {problem}");
        }
    }

    /// <summary>Steps that have a checkpoint folder, in no order.</summary>
    public IEnumerable<long> Steps()
    {
        if (!Directory.Exists(Root))
        {
            yield break;
        }

        foreach (string folder in Directory.EnumerateDirectories(Root, Prefix + "*"))
        {
            if (long.TryParse(Path.GetFileName(folder).AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out long step))
            {
                yield return step;
            }
        }
    }

    private void Prune(IReadOnlyCollection<long> protectedSteps)
    {
        if (keep <= 0)
        {
            return;
        }

        foreach (long step in Steps().OrderDescending().Skip(keep).Where(s => !protectedSteps.Contains(s)).ToList())
        {
            Remove(FolderOf(step));
        }
    }

    private static void Remove(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
