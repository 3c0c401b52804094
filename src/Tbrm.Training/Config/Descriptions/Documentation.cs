using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text;
using System.Xml.Linq;

namespace Tbrm.Training.Config.Descriptions;

/// <summary>The documentation comments of the configuration's properties, which the compiler writes and this assembly
/// carries.</summary>
internal static class Documentation
{
    private static readonly Lazy<Dictionary<string, string>> s_summaries = new(Load);

    /// <summary>The summary of a property, one paragraph of plain text.</summary>
    public static string Of(PropertyInfo property) =>
        s_summaries.Value.TryGetValue($"P:{property.DeclaringType!.FullName}.{property.Name}", out string? text)
        ? text
        : throw new InvalidOperationException($"{property.DeclaringType.Name}.{property.Name} has no documentation");

    private static Dictionary<string, string> Load()
    {
        using Stream stream = typeof(Documentation).Assembly.GetManifestResourceStream("config/documentation")!;
        return XDocument.Load(stream).Descendants("member")
            .Where(m => m.Attribute("name")!.Value.StartsWith("P:", StringComparison.Ordinal)
                && m.Element("summary") is not null)
            .ToDictionary(m => m.Attribute("name")!.Value, m => Plain(m.Element("summary")!), StringComparer.Ordinal);
    }

    /// <summary>The text with the marks of code taken off and every run of blanks as one.</summary>
    private static string Plain(XElement summary)
    {
        StringBuilder text = new();
        foreach (XNode node in summary.DescendantNodes())
        {
            text.Append(node switch
            {
                XText words => words.Value,
                XElement { Name.LocalName: "see" } see => Name(see),
                _ => "",
            });
        }

        return string.Join(' ', text.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }

    private static string Name(XElement see)
    {
        string target = see.Attribute("cref")?.Value ?? see.Attribute("langword")?.Value ?? "";
        return ConfigSchema.Snake(target[(target.LastIndexOf('.') + 1)..]);
    }
}
