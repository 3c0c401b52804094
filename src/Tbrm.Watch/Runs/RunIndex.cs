using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;

namespace Tbrm.Watch.Runs;

/// <summary>The runs at and under some folders; runs that begin later are found too.</summary>
internal sealed class RunIndex(IReadOnlyList<string> roots)
{
    /// <summary>Folders below a root that are looked into: runs/GROUP/SEED and one more.</summary>
    private const int Depth = 4;

    private readonly Dictionary<string, WatchedRun> _runs = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    /// <summary>All runs, by name.</summary>
    public IReadOnlyList<WatchedRun> Find()
    {
        lock (_lock)
        {
            List<WatchedRun> found = [];
            foreach (string root in roots.Select(Path.GetFullPath))
            {
                foreach (string path in Under(root, Depth))
                {
                    if (!_runs.TryGetValue(path, out WatchedRun? run))
                    {
                        string name = path == root ? Path.GetFileName(root.TrimEnd('/'))
                            : Path.GetRelativePath(root, path);
                        _runs[path] = run = new(_runs.Count, name, path);
                    }

                    if (!found.Contains(run))
                    {
                        found.Add(run);
                    }
                }
            }

            return [.. found.OrderBy(r => r.Name, StringComparer.Ordinal)];
        }
    }

    /// <summary>The run of an address; null when there is none.</summary>
    public WatchedRun? Get(int id)
    {
        lock (_lock)
        {
            return _runs.Values.FirstOrDefault(r => r.Id == id);
        }
    }

    private static IEnumerable<string> Under(string folder, int depth)
    {
        if (File.Exists(Path.Combine(folder, "metrics.jsonl"))
            || File.Exists(Path.Combine(folder, "config.resolved.yaml")))
        {
            return [folder];
        }

        if (depth == 0 || !Directory.Exists(folder))
        {
            return [];
        }

        EnumerationOptions options =
            new() { IgnoreInaccessible = true, AttributesToSkip = FileAttributes.ReparsePoint };
        return Directory.EnumerateDirectories(folder, "*", options).Order(StringComparer.Ordinal)
            .SelectMany(f => Under(f, depth - 1));
    }
}
