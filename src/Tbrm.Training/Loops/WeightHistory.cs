using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Tbrm.Core.Errors;
using Tbrm.Core.Files;
using Tbrm.Engine.Checkpoint;
using Tbrm.Engine.Models;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Loops;

/// <summary>
/// The weights that the policy had, by the number of its updates, on disk: a folder each, written before it gets its
/// name. What no step to come and no
/// checkpoint needs is deleted.
/// </summary>
/// <param name="root">Where they are.</param>
/// <param name="lag">Updates that a rollout looks back.</param>
internal sealed class WeightHistory(string root, int lag)
{
    private const string Unfinished = ".tmp";

    /// <summary>Versions that are there, ascending.</summary>
    public IReadOnlyList<long> Versions => !Directory.Exists(root) ? []
        : [.. Directory.EnumerateDirectories(root).Select(d => Path.GetFileName(d))
            .Where(n => long.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                .Select(n => long.Parse(n, CultureInfo.InvariantCulture)).Order()];

    /// <summary>The folder of a version.</summary>
    public string FolderOf(long version) => Path.Combine(root, version.ToString(CultureInfo.InvariantCulture));

    /// <summary>Saves the policy as it is; nothing when that version is there.</summary>
    public void Save(Policy policy, long version)
    {
        string folder = FolderOf(version);
        if (Directory.Exists(folder))
        {
            return;
        }

        DiskErrors.Translated($"writing {folder}", () =>
        {
            string unfinished = folder + Unfinished;
            Directory.CreateDirectory(unfinished);
            if (policy.Adapter is null)
            {
                ModelFolder.Save(policy, unfinished);
            }
            else
            {
                PeftFolder.Save(policy, unfinished, "");
            }

            foreach (string file in Directory.EnumerateFiles(unfinished))
            {
                using FileStream stream = new(file, FileMode.Open, FileAccess.ReadWrite);
                DiskSync.Sync(stream);
            }

            Directory.Move(unfinished, folder);
        });
    }

    /// <summary>The version that a rollout samples from: the newest that is at least the lag behind, or the first while
    /// fewer updates are made.</summary>
    /// <exception cref="DataException">It is not there.</exception>
    public long Find(long version)
    {
        long target = Math.Max(0, version - lag);
        IReadOnlyList<long> known = Versions;
        return known.Count > 0 && known[0] <= target ? known.Last(v => v <= target)
            : throw new DataException(
                $"{root} holds no weights of update {target} or before, from which rollout.lag={lag} samples after "
                    + $"{version} updates"
                + $"{(known.Count > 0 ? $" (the first are of update {known[0]})" : "")}; restore the folder, or begin "
                + $"a new run");
    }

    /// <summary>Fills a policy with the weights of a version.</summary>
    public void Load(Policy policy, long version)
    {
        if (policy.Adapter is null)
        {
            ModelFolder.LoadInto(policy, FolderOf(version));
        }
        else
        {
            PeftFolder.LoadWeights(policy, FolderOf(version));
        }
    }

    /// <summary>Deletes what a run that goes on from a version will write again, and what was left half
    /// written.</summary>
    public void RewindTo(long version) => DiskErrors.Translated($"tidying {root}", () =>
    {
        foreach (string folder in Directory.Exists(root) ? Directory.EnumerateDirectories(root).ToList() : [])
        {
            string name = Path.GetFileName(folder);
            if (name.EndsWith(Unfinished, StringComparison.Ordinal)
                || (long.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out long at) && at > version))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    });

    /// <summary>Deletes what nobody needs any more.</summary>
    /// <param name="version">Updates that are made.</param>
    /// <param name="checkpoints">Updates that the checkpoints were made after.</param>
    public void Prune(long version, IEnumerable<long> checkpoints) => DiskErrors.Translated($"tidying {root}", () =>
    {
        long oldest = Find(checkpoints.Append(version).Min());
        foreach (long old in Versions.Where(v => v < oldest))
        {
            Directory.Delete(FolderOf(old), recursive: true);
        }
    });

    /// <summary>In a run's folder.</summary>
    public static string PathIn(RunFolder folder) => Path.Combine(folder.Root, "weights");
}
