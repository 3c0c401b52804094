using System.Text.Json.Nodes;

namespace Tbrm.Data;

/// <summary>A row of a data file and the place it came from.</summary>
/// <param name="Row">The fields.</param>
/// <param name="Where"><c>file:line</c>, or <c>file: row n</c> in a binary format; begins every message about the row.</param>
public readonly record struct SourceRow(JsonObject Row, string Where);
