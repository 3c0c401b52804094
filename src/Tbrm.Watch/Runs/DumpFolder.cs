using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tbrm.Watch.Runs;

/// <summary>The responses that a run has written: rollouts/STEP.jsonl of training, validation/STEP.jsonl of
/// evaluation.</summary>
internal sealed class DumpFolder(string root)
{
    /// <summary>Prompts on one page.</summary>
    public const int PageSize = 20;

    private static readonly string[] s_kinds = ["rollouts", "validation"];

    // What the list shows of a response; ids and log-probs are asked for by response.
    private static readonly string[] s_shown =
        ["output", "gts", "score", "status", "extracted", "data_source", "finish", "response_tokens", "trajectory"];

    /// <summary>Kinds with their steps, ascending.</summary>
    public JsonObject Steps()
    {
        JsonObject answer = [];
        foreach (string kind in s_kinds)
        {
            answer[kind] = new JsonArray([.. StepsOf(kind).Select(s => (JsonNode)s)]);
        }

        return answer;
    }

    /// <summary>
    /// A page of prompts with all their responses; only prompts where <paramref name="search"/> stands in the prompt, a
    /// response or the right answer (case does not count), sorted as they were written.
    /// </summary>
    public JsonObject? Page(string kind, long step, string search, int page)
    {
        if (PathOf(kind, step) is not { } path)
        {
            return null;
        }

        List<JsonObject> groups = [];
        Dictionary<string, JsonObject> byPrompt = new(StringComparer.Ordinal);
        HashSet<JsonObject> found = [];
        int row = -1;
        foreach (JsonObject response in Rows(path))
        {
            row++;
            string prompt = Text(response, "input");
            // Two rows of a batch may ask the same: the group tells them apart where there is one.
            string key = $"{Text(response, "group")}\0{Text(response, "index")}\0{prompt}";
            if (!byPrompt.TryGetValue(key, out JsonObject? group))
            {
                group = new()
                {
                    ["input"] = prompt,
                    ["gts"] = response["gts"]?.DeepClone(),
                    ["responses"] = new JsonArray()
                };
                byPrompt[key] = group;
                groups.Add(group);
            }

            JsonObject shown = new() { ["row"] = row };
            foreach (string name in s_shown)
            {
                shown[name] = response[name]?.DeepClone();
            }

            shown["tokens"] = response["response_ids"] is JsonArray;
            ((JsonArray)group["responses"]!).Add(shown);
            if (search.Length == 0 || prompt.Contains(search, StringComparison.OrdinalIgnoreCase)
                || Text(response, "output").Contains(search, StringComparison.OrdinalIgnoreCase)
                || Text(response, "gts").Contains(search, StringComparison.OrdinalIgnoreCase))
            {
                found.Add(group);
            }
        }

        List<JsonObject> matching = [.. groups.Where(found.Contains)];
        int pages = Math.Max(1, (matching.Count + PageSize - 1) / PageSize);
        int shownPage = Math.Clamp(page, 0, pages - 1);
        return new()
        {
            ["prompts"] = matching.Count,
            ["of"] = groups.Count,
            ["page"] = shownPage,
            ["pages"] = pages,
            ["groups"] = new JsonArray([.. matching.Skip(shownPage * PageSize).Take(PageSize)]),
        };
    }

    /// <summary>One response whole; null when there is no such row.</summary>
    public JsonObject? Row(string kind, long step, int row) =>
        PathOf(kind, step) is { } path && row >= 0 ? Rows(path).Skip(row).FirstOrDefault() : null;

    private IEnumerable<long> StepsOf(string kind)
    {
        string folder = Path.Combine(root, kind);
        return !Directory.Exists(folder) ? []
            : Directory.EnumerateFiles(folder, "*.jsonl").Select(f => Path.GetFileNameWithoutExtension(f))
                .Where(n => long.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                .Select(n => long.Parse(n, CultureInfo.InvariantCulture)).Order();
    }

    // Kind and number, never a name that an address brings: nothing but these files can be read.
    private string? PathOf(string kind, long step)
    {
        string path = Path.Combine(root, kind, step.ToString(CultureInfo.InvariantCulture) + ".jsonl");
        return s_kinds.Contains(kind) && step >= 0 && File.Exists(path) ? path : null;
    }

    private static IEnumerable<JsonObject> Rows(string path)
    {
        foreach (string line in Shared.ReadLines(path))
        {
            JsonObject? row = null;
            try
            {
                row = JsonNode.Parse(line) as JsonObject;
            }
            catch (JsonException)
            {
                // Cut short by a killed process; the other lines are whole.
            }

            if (row is not null)
            {
                yield return row;
            }
        }
    }

    private static string Text(JsonObject row, string name) => row[name] switch
    {
        null => "",
        JsonValue value when value.GetValueKind() == JsonValueKind.String => value.GetValue<string>(),
        JsonNode other => other.ToJsonString(),
    };
}
