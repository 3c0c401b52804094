using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Tbrm.Training.Config.Verl;

/// <summary>The keys that verl has under the same name (<c>same.txt</c>).</summary>
internal static class SameNames
{
    private static readonly Lazy<Dictionary<string, string>> s_names =
        new(() => Lines().ToDictionary(ConfigSchema.Canonical, StringComparer.Ordinal));

    /// <summary>verl's full name of a key; null when verl has no such key.</summary>
    public static string? Of(string key) => s_names.Value.GetValueOrDefault(key);

    /// <summary>All of them, as verl writes them.</summary>
    public static IReadOnlyCollection<string> All => s_names.Value.Values;

    private static IEnumerable<string> Lines()
    {
        using Stream stream = typeof(SameNames).Assembly.GetManifestResourceStream("verl/same")!;
        using StreamReader reader = new(stream);
        return [.. reader.ReadToEnd().Split('\n').Where(l => l.Length > 0 && l[0] != '#')];
    }
}
