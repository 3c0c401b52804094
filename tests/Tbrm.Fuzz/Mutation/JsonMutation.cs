using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tbrm.Fuzz.Mutation;

/// <summary>Edits of a JSON document that leave it a JSON document, mostly: other values, keys, depths and
/// counts.</summary>
internal sealed class JsonMutation(Random random)
{
    private const string Mark = "@raw:";
    private static readonly JsonSerializerOptions s_relaxed =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly List<string> _raw = [];

    /// <summary>One to four edits; <paramref name="other"/> is a document that values are taken from.</summary>
    public string Mutate(string document, string other)
    {
        JsonNode root = JsonNode.Parse(document)!;
        List<JsonNode> donors = Nodes(JsonNode.Parse(other)!);
        for (int edits = random.Next(1, 5); edits > 0; edits--)
        {
            Edit(Container(root), donors[random.Next(donors.Count)]);
        }

        string text = root.ToJsonString(s_relaxed);
        for (int i = 0; i < _raw.Count; i++)
        {
            text = text.Replace($"\"{Mark}{i}\"", _raw[i], StringComparison.Ordinal);
        }

        return text;
    }

    private static List<JsonNode> Nodes(JsonNode root)
    {
        List<JsonNode> nodes = [root];
        for (int i = 0; i < nodes.Count; i++)
        {
            IEnumerable<JsonNode?> children =
                nodes[i] switch { JsonObject o => o.Select(member => member.Value), JsonArray a => a, _ => [] };
            nodes.AddRange(children.OfType<JsonNode>());
        }

        return nodes;
    }

    /// <summary>A way down at random: so that the few settings are met as often as the many entries of a
    /// vocabulary.</summary>
    private JsonNode Container(JsonNode root)
    {
        const double StopHere = 0.35;
        JsonNode node = root;
        while (random.NextDouble() > StopHere)
        {
            IEnumerable<JsonNode?> children = node is JsonObject o ? o.Select(member => member.Value) : node.AsArray();
            JsonNode[] containers = [.. children.Where(child => child is JsonObject or JsonArray).OfType<JsonNode>()];
            if (containers.Length == 0)
            {
                break;
            }

            node = containers[random.Next(containers.Length)];
        }

        return node;
    }

    private void Edit(JsonNode container, JsonNode donor)
    {
        if (container is JsonObject { Count: > 0 } members)
        {
            string key = members.ElementAt(random.Next(members.Count)).Key;
            switch (random.Next(8))
            {
                case 0:
                    members.Remove(key);
                    break;
                case 1:
                    JsonNode? moved = members[key]?.DeepClone();
                    members.Remove(key);
                    members[HostileText.Piece(random)] = moved;
                    break;
                case 2:
                    members[HostileText.Text(random)] = Value(donor);
                    break;
                default:
                    members[key] = Value(donor);
                    break;
            }
        }
        else if (container is JsonArray { Count: > 0 } items)
        {
            int at = random.Next(items.Count);
            switch (random.Next(8))
            {
                case 0:
                    items.RemoveAt(at);
                    break;
                case 1:
                    bool isSmall = items[at] is null || items[at]!.ToJsonString().Length < 100;
                    for (int copies = isSmall && random.Next(10) == 0 ? 5000 : random.Next(5); copies > 0; copies--)
                    {
                        items.Insert(at, items[at]?.DeepClone());
                    }

                    break;
                case 2:
                    (int first, int second) = (Math.Min(at, items.Count - 1), random.Next(items.Count));
                    JsonNode? kept = items[first]?.DeepClone();
                    items[first] = items[second]?.DeepClone();
                    items[second] = kept;
                    break;
                default:
                    items[at] = Value(donor);
                    break;
            }
        }
    }

    /// <summary>A value in place of another.</summary>
    private JsonNode? Value(JsonNode donor)
    {
        switch (random.Next(12))
        {
            case 0:
                return null;
            case 1:
                return JsonValue.Create(random.Next(2) == 0);
            case 2:
                return JsonValue.Create(ByteMutation.ExtremeNumber(random));
            case 3:
                return Raw(Number());
            case 4 or 5:
                return JsonValue.Create(HostileText.Text(random));
            case 6:
                return JsonValue.Create(HostileText.Regex(random));
            case 7:
                return random.Next(2) == 0 ? new JsonArray() : new JsonObject();
            case 8 when random.Next(3) == 0:
                return Raw(Deep());
            case 9:
                return Raw(random.Next(2) == 0 ? "\"\\ud800\"" : "\"\\u0000\\udfff\"");
            default:
                return donor.DeepClone();
        }
    }

    private string Number() => random.Next(5) switch
    {
        0 => new string('9', random.Next(1, 2000)),
        1 => "-0",
        2 => $"1e{random.Next(-999999, 999999)}",
        3 => "0." + new string('0', random.Next(2000)) + "1",
        _ => ByteMutation.ExtremeNumber(random).ToString(CultureInfo.InvariantCulture),
    };

    private string Deep()
    {
        int depth = random.Next(3) switch { 0 => 40, 1 => 100, _ => 50_000 };
        (string open, string close) = random.Next(2) == 0 ? ("[", "]") : ("{\"a\":", "}");
        return new StringBuilder().Insert(0, open, depth).Append('1')
            .Append(new StringBuilder().Insert(0, close, depth)).ToString();
    }

    private JsonValue Raw(string json)
    {
        _raw.Add(json);
        return JsonValue.Create($"{Mark}{_raw.Count - 1}");
    }
}
