using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Numerics;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tbrm.Data;

/// <summary>Reading the fields of a row, whatever file it came from.</summary>
internal static class RowValues
{
    private static readonly JsonSerializerOptions s_readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The value at a dotted path; null when it, or anything on the way, is missing or null.</summary>
    public static JsonNode? Find(JsonObject row, string path)
    {
        if (row.TryGetPropertyValue(path, out JsonNode? direct))
        {
            return direct;
        }

        JsonNode? node = row;
        foreach (string key in path.Split('.'))
        {
            node = node is JsonObject structure && structure.TryGetPropertyValue(key, out JsonNode? child) ? child : null;
        }

        return node;
    }

    /// <summary>Whether there is a value, null included, at a dotted path.</summary>
    public static bool Has(JsonObject row, string path)
    {
        int dot = path.LastIndexOf('.');
        return row.ContainsKey(path) || (dot > 0 && Find(row, path[..dot]) is JsonObject parent && parent.ContainsKey(path[(dot + 1)..]));
    }

    /// <summary>
    /// A value as an answer is written: text as it is, a number without a needless fraction (27.0 is 27), a list of one as
    /// its element, everything else as JSON.
    /// </summary>
    public static string ToAnswerText(JsonNode value) => value.GetValueKind() switch
    {
        JsonValueKind.String => value.GetValue<string>(),
        JsonValueKind.Number => CanonicalNumber(value.ToJsonString()),
        JsonValueKind.Array when value.AsArray() is { Count: 1 } list && list[0] is JsonNode only => ToAnswerText(only),
        _ => value.ToJsonString(s_readable),
    };

    /// <summary>A JSON number in its shortest form: integers without fraction or exponent, others as they stand.</summary>
    public static string CanonicalNumber(string json)
    {
        if (BigInteger.TryParse(json, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out BigInteger integer))
        {
            return integer.ToString(CultureInfo.InvariantCulture);
        }

        // Beyond 2^53 a fraction in the file no longer says which integer was meant, so the text stays.
        const double LargestExactInteger = 9007199254740992;
        double number = double.Parse(json, NumberStyles.Float, CultureInfo.InvariantCulture);
        return double.IsInteger(number) && double.Abs(number) <= LargestExactInteger
            ? ((long)number).ToString(CultureInfo.InvariantCulture)
            : json;
    }

    /// <summary>The keys of a row for an error message.</summary>
    public static string KeysOf(JsonObject row)
    {
        const int Shown = 12;
        IEnumerable<string> keys = row.Select(pair => pair.Key).Take(Shown);
        return row.Count == 0 ? "none" : string.Join(", ", keys) + (row.Count > Shown ? ", ..." : "");
    }
}
