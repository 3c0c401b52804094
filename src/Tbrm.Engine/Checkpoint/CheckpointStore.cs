using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Tbrm.Core.Errors;
using Tbrm.Core.Files;

namespace Tbrm.Engine.Checkpoint;

/// <summary>
/// verl's checkpoint layout: <c>global_step_N/</c> folders and <c>latest_checkpointed_iteration.txt</c>. A checkpoint
/// is written under
/// another name, synced, and renamed: it is whole or it is not there.
/// </summary>
public sealed class CheckpointStore(string root, int keep)
{
    private const string Prefix = "global_step_";
    private const string LatestFile = "latest_checkpointed_iteration.txt";
    private const string BeingWritten = ".tmp", BeingReplaced = ".old";

    /// <summary>The folder that holds the checkpoints.</summary>
    public string Root { get; } = root;

    /// <summary>The folder of a step's checkpoint, whether it exists or not.</summary>
    public string FolderOf(long step) => Path.Combine(Root, Prefix + step.ToString(CultureInfo.InvariantCulture));

    /// <summary>
    /// Writes a checkpoint: <paramref name="write"/> fills an empty folder. Older ones beyond the number to keep are
    /// deleted afterwards, but
    /// never <paramref name="protectedSteps"/>.
    /// </summary>
    public void Save(long step, Action<string> write, IReadOnlyCollection<long> protectedSteps)
    {
        string final = FolderOf(step), temporary = Hidden(step, BeingWritten), replaced = Hidden(step, BeingReplaced);
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
                Remove(replaced);
                if (Directory.Exists(final))
                {
                    // Killed after this, Latest puts it back.
                    Directory.Move(final, replaced);
                }

                Directory.Move(temporary, final);
                DurableFiles.SyncFolder(Root);
                Remove(replaced);
                NameLatest(step);
            }
            catch
            {
                Remove(temporary);
                throw;
            }

            Prune([.. protectedSteps, step]);
        });
    }

    /// <summary>
    /// The newest checkpoint whose files are what its manifest says, or null when there is none. Damaged ones are
    /// passed over and reported.
    /// </summary>
    public string? Latest(Action<string> warn)
    {
        DiskErrors.Translated($"tidying {Root}", Recover);
        return Newest(warn);
    }

    /// <summary>The same for those that only read: what another process is writing there is left alone.</summary>
    public string? Newest(Action<string> warn)
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

    /// <summary>
    /// Moves checkpoints after a step into a folder of their own: a run that goes on from an earlier one must neither
    /// go on from them later nor
    /// count them among those to keep. Null when there are none.
    /// </summary>
    public string? SetAside(long after)
    {
        List<long> later = [.. Steps().Where(s => s > after)];
        if (later.Count == 0)
        {
            return null;
        }

        string folder = Path.Combine(
            Root, "set_aside_" + DateTime.UtcNow.ToString("yyyyMMdd-HHmmss-fff", CultureInfo.InvariantCulture));
        DiskErrors.Translated($"moving later checkpoints to {folder}", () =>
        {
            Directory.CreateDirectory(folder);
            later.ForEach(s => Directory.Move(FolderOf(s), Path.Combine(folder, Path.GetFileName(FolderOf(s)))));
            DurableFiles.SyncFolder(Root);
        });
        return folder;
    }

    /// <summary>
    /// What a save does after its checkpoint is there, for a process that was killed before it had: names the newest in
    /// latest_checkpointed_iteration.txt (which goes when there is none), and deletes those beyond the number to keep.
    /// </summary>
    public void Settle(IReadOnlyCollection<long> protectedSteps) => DiskErrors.Translated($"tidying {Root}", () =>
    {
        string latest = Path.Combine(Root, LatestFile);
        long newest = Steps().DefaultIfEmpty(-1).Max();
        if (newest < 0)
        {
            if (File.Exists(latest))
            {
                File.Delete(latest);
            }

            return;
        }

        if (!File.Exists(latest) || File.ReadAllText(latest).Trim() != newest.ToString(CultureInfo.InvariantCulture))
        {
            NameLatest(newest);
        }

        Prune([.. protectedSteps, newest]);
    });

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
            if (long.TryParse(Path.GetFileName(folder).AsSpan(Prefix.Length), NumberStyles.None,
                CultureInfo.InvariantCulture, out long step))
            {
                yield return step;
            }
        }
    }

    private void NameLatest(long step) =>
        DurableFiles.ReplaceText(Path.Combine(Root, LatestFile), step.ToString(CultureInfo.InvariantCulture) + "\n");

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

    private string Hidden(long step, string ending) =>
        Path.Combine(Root, "." + Path.GetFileName(FolderOf(step)) + ending);

    /// <summary>What a process left that was killed while it saved: the checkpoint it was replacing is put back, a part
    /// of one goes.</summary>
    private void Recover()
    {
        if (!Directory.Exists(Root))
        {
            return;
        }

        foreach (string replaced in Directory.GetDirectories(Root, "." + Prefix + "*" + BeingReplaced))
        {
            string final = Path.Combine(Root, Path.GetFileName(replaced)[1..^BeingReplaced.Length]);
            if (Directory.Exists(final))
            {
                Remove(replaced);
            }
            else
            {
                Directory.Move(replaced, final);
            }
        }

        foreach (string part in Directory.GetDirectories(Root, "." + Prefix + "*" + BeingWritten))
        {
            Remove(part);
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
