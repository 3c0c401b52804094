using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using YamlDotNet.RepresentationModel;

namespace Tbrm.Training.Config.Verl;

/// <summary>A run script or configuration of verl's, read without running it: <c>config --from-verl FILE</c>.</summary>
/// <param name="Translation">What became of each key.</param>
/// <param name="Unknown">Keys that neither this program nor verl's vocabulary has.</param>
/// <param name="Unresolved">Keys whose value only running the script would tell; they keep their defaults.</param>
/// <param name="Notes">What the reader of the script could not tell.</param>
public sealed record VerlImport(VerlTranslation Translation, IReadOnlyList<string> Unknown,
    IReadOnlyList<string> Unresolved,
    IReadOnlyList<string> Notes)
{
    private const long MostBytes = 16 << 20;

    /// <summary>Reads a bash script (its launch of verl.trainer.main_ppo) or a YAML file with verl's
    /// sections.</summary>
    /// <exception cref="ConfigException">The file cannot be read, or launches no trainer.</exception>
    public static VerlImport Read(string path)
    {
        string text = ReadText(path);
        List<ConfigEntry> entries = [];
        List<string> unresolved = [], notes = [];
        if (path.EndsWith(".yaml", StringComparison.OrdinalIgnoreCase)
            || path.EndsWith(".yml", StringComparison.OrdinalIgnoreCase))
        {
            entries.AddRange(Resolve(ConfigEntry.FromYaml(text, path), unresolved));
        }
        else
        {
            ShellLaunch launch = ShellScript.Read(text, path, Environment.GetEnvironmentVariable);
            notes.AddRange(launch.Notes);
            foreach (ShellValue argument in launch.Arguments)
            {
                Argument(argument, path, entries, unresolved);
            }
        }

        VerlTranslation translation = VerlHabits.Apply(VerlTranslation.Of(entries), notes);
        List<string> unknown = [.. translation.Entries.Select(e => e.Path).Where(p => !IsOwn(p))];
        return new(translation, unknown, unresolved, notes);
    }

    private static bool IsOwn(string path) => ConfigSchema.Keys.ContainsKey(ConfigSchema.Canonical(path))
        || MapEntries.MapOf(path) is not null;

    /// <summary>The configuration that results: verl's defaults for keys that it has too, then the file's.</summary>
    /// <param name="overrides">Keys above those of the file.</param>
    public RunConfig Resolve(IReadOnlyList<ConfigEntry> overrides) =>
        ConfigLoader.Bind([.. EmbeddedPresets.VerlDefaults.Entries,
            .. Translation.Entries.Where(e => IsOwn(e.Path)), .. overrides]);

    /// <summary>Every key and what became of it, as comment lines of a YAML file.</summary>
    public string Report()
    {
        StringBuilder text = new();
        foreach (VerlUse use in Enum.GetValues<VerlUse>())
        {
            List<VerlKey> keys = [.. Translation.Keys.Where(k => k.Use == use)];
            text.Append(CultureInfo.InvariantCulture, $"# {Title(use)}: {keys.Count}\n");
            foreach (VerlKey key in keys)
            {
                string what = key.Text.Length == 0 ? "" : use == VerlUse.Derived ? $" -> {key.Text}" : $": {key.Text}";
                text.Append(CultureInfo.InvariantCulture, $"#   {key.Key}={OneLine(key.Value)}{what}\n");
            }
        }

        Lines(text, "not known", Unknown);
        Lines(text, "value not known without running the script, left at its default", Unresolved);
        Lines(text, "notes on the script", Notes);
        return text.ToString();
    }

    private static string Title(VerlUse use) => use switch
    {
        VerlUse.Exact => "exact",
        VerlUse.Derived => "derived",
        VerlUse.NoEffect => "no effect",
        _ => "refused",
    };

    private static void Lines(StringBuilder text, string title, IReadOnlyList<string> lines)
    {
        if (lines.Count > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"# {title}: {lines.Count}\n");
            text.AppendJoin("", lines.Select(l => $"#   {OneLine(l)}\n"));
        }
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");

    private static string ReadText(string path)
    {
        try
        {
            FileInfo file = new(path);
            return file.Exists && file.Length > MostBytes
                ? throw new ConfigException($"{path}: {file.Length} bytes; a run script has at most {MostBytes}")
                    : File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"{path}: {e.Message}", e);
        }
    }

    private static void Argument(ShellValue argument, string path, List<ConfigEntry> entries, List<string> unresolved)
    {
        string text = argument.Text;
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        if (equals > 0 && !argument.IsKnown)
        {
            unresolved.Add(text[..equals].TrimStart('+'));
        }
        else if (equals > 0)
        {
            entries.Add(Entry(text) with { Where = path });
        }
        else if (text.StartsWith('~'))
        {
            unresolved.Add(text);
        }
        else if (text.Length > 0)
        {
            unresolved.Add(text.Replace(ShellValue.Unknown, '?'));
        }
    }

    /// <summary>A value that only another engine reads need not be YAML (Hydra escapes braces).</summary>
    private static ConfigEntry Entry(string text)
    {
        try
        {
            return ConfigEntry.FromArgument(text);
        }
        catch (ConfigException) when (!IsOwn(text[..text.IndexOf('=', StringComparison.Ordinal)].TrimStart('+')))
        {
            int equals = text.IndexOf('=', StringComparison.Ordinal);
            return new(text[..equals].TrimStart('+'), new YamlScalarNode(text[(equals + 1)..]), "");
        }
    }

    /// <summary>OmegaConf's references to other keys of the file: ${a.b}, ${oc.select:a.b,default}.</summary>
    private static IEnumerable<ConfigEntry> Resolve(IReadOnlyList<ConfigEntry> entries, List<string> unresolved)
    {
        Dictionary<string, YamlNode> values = [];
        foreach (ConfigEntry entry in entries)
        {
            values[entry.Path] = entry.Value;
        }

        foreach (ConfigEntry entry in entries)
        {
            YamlNode? value = entry.Value;
            for (int depth = 0; depth < 10 && value is YamlScalarNode { Value: string text }
                && text.Contains("${", StringComparison.Ordinal); depth++)
            {
                value = Reference(text, entry.Path, values);
            }

            if (value is null || VerlVocabulary.Text(value).Contains("${", StringComparison.Ordinal))
            {
                unresolved.Add(entry.Path);
            }
            else
            {
                yield return entry with { Value = value };
            }
        }
    }

    private static YamlNode? Reference(string text, string path, Dictionary<string, YamlNode> values)
    {
        if (!text.StartsWith("${", StringComparison.Ordinal) || !text.EndsWith('}')
            || text.LastIndexOf("${", StringComparison.Ordinal) > 0)
        {
            return null;
        }

        string inside = text[2..^1];
        const string Select = "oc.select:";
        if (!inside.StartsWith(Select, StringComparison.Ordinal))
        {
            return values.GetValueOrDefault(inside.StartsWith('.') ? path[..path.LastIndexOf('.')] + inside : inside);
        }

        string[] parts = inside[Select.Length..].Split(',', 2, StringSplitOptions.TrimEntries);
        return values.TryGetValue(parts[0], out YamlNode? found) ? found
            : new YamlScalarNode(parts.Length == 2 ? parts[1] : "null");
    }
}
