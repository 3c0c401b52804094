using System.Text.Json.Nodes;

namespace Tbrm.Data.Json;

/// <summary>One row of a JSONL file.</summary>
/// <param name="Row">The object.</param>
/// <param name="LineNumber">The line it stands on, from 1.</param>
public sealed record JsonLine(JsonObject Row, long LineNumber);
