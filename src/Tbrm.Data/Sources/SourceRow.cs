using System.Text.Json.Nodes;

namespace Tbrm.Data.Sources;

/// <summary>A row of a data file and the place it came from.</summary>
/// <param name="Row">The fields.</param>
/// <param name="Where"><c>file:line</c>, or <c>file: row n</c> in a binary format; begins every message about the
/// row.</param>
/// <param name="IsColumnar">The file has one schema for all rows, so that a null inside a struct may stand for what
/// another row has (Parquet).</param>
public readonly record struct SourceRow(JsonObject Row, string Where, bool IsColumnar = false);
