using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Tbrm.Testing;

namespace Tbrm.Jinja.Tests;

/// <summary>Input and output pairs that the reference programs gave; Golden/README.md says which.</summary>
internal static class GoldenFiles
{
    /// <summary>The path of a file below Golden/.</summary>
    public static string PathOf(params string[] parts) =>
        Repository.PathOf(["tests", "Tbrm.Jinja.Tests", "Golden", .. parts]);

    /// <summary>The rows of a JSONL file.</summary>
    public static IEnumerable<JsonElement> Rows(params string[] parts)
    {
        return File.ReadLines(PathOf(parts))
            .Select(line => JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 128 }).RootElement);
    }

    /// <summary>A member's text; null when it is absent.</summary>
    public static string? Text(this JsonElement row, string name) => row.TryGetProperty(name, out JsonElement text)
        ? text.GetString() : null;
}
