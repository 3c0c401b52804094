using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Numerics;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Core.Rewards;

/// <summary>What a file gives as a ground truth.</summary>
public enum GroundTruthKind
{
    /// <summary>A string.</summary>
    Text,

    /// <summary>A number.</summary>
    Number,

    /// <summary>True or false.</summary>
    Boolean,

    /// <summary>A list of right answers.</summary>
    List,

    /// <summary>An object, whose meaning only a grader of the user's knows.</summary>
    Structure,
}

/// <summary>
/// What a correct answer is, as the file has it. Graders that compare texts read <see cref="Alternatives"/>, programs
/// and classes of the user's
/// <see cref="ToJson"/>. Immutable; equal when kind and JSON are.
/// </summary>
public sealed record GroundTruth
{
    private static readonly JsonSerializerOptions s_readable =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A string itself; anything else as JSON.</summary>
    private readonly string _written;

    private GroundTruth(GroundTruthKind kind, string written)
    {
        Kind = kind;
        _written = written;
    }

    /// <summary>What it is.</summary>
    public GroundTruthKind Kind { get; }

    /// <summary>
    /// As one text: a string as it is, a number without a needless fraction (27.0 is 27), a list of one as its element,
    /// everything else as JSON.
    /// </summary>
    public string Text => Kind switch
    {
        GroundTruthKind.Text => _written,
        GroundTruthKind.Number => CanonicalNumber(_written),
        GroundTruthKind.List when ToJson()!.AsArray() is { Count: 1 } list && list[0] is { } only => Of(only).Text,
        _ => _written,
    };

    /// <summary>
    /// The texts of which each is a right answer: the elements of a list, else <see cref="Text"/>. A string that
    /// holds a JSON list of strings (<c>["11","12"]</c>, as files in circulation have it) stands for that list. True
    /// and false are also answered as
    /// Python writes them. Empty for an object, and for a list that holds objects or lists.
    /// </summary>
    public IReadOnlyList<string> Alternatives => Kind switch
    {
        GroundTruthKind.Structure => [],
        GroundTruthKind.Boolean => [_written, _written == "true" ? "True" : "False"],
        GroundTruthKind.List => TextsOf(ToJson()!.AsArray()),
        GroundTruthKind.Text when ListInText() is { } list => TextsOf(list),
        _ => [Text],
    };

    /// <summary>A string.</summary>
    public static GroundTruth Of(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new(GroundTruthKind.Text, text);
    }

    /// <summary>Any value of a file but null.</summary>
    public static GroundTruth Of(JsonNode value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return value.GetValueKind() switch
        {
            JsonValueKind.String => Of(value.GetValue<string>()),
            JsonValueKind.Number => new(GroundTruthKind.Number, value.ToJsonString()),
            JsonValueKind.True or JsonValueKind.False => new(GroundTruthKind.Boolean, value.ToJsonString()),
            JsonValueKind.Array => new(GroundTruthKind.List, value.ToJsonString(s_readable)),
            _ => new(GroundTruthKind.Structure, value.ToJsonString(s_readable)),
        };
    }

    /// <summary>The value of a row's key.</summary>
    /// <param name="value">The value; null for a JSON null.</param>
    /// <param name="key">Its key, for messages.</param>
    /// <param name="where">The row's place, for messages.</param>
    /// <exception cref="DataException">There is no answer in it: null, or a list without one.</exception>
    public static GroundTruth Read(JsonNode? value, string key, string where)
    {
        return value switch
        {
            null => throw new DataException(
                $"{where}: \"{key}\" must be an answer (text, a number, true or false) or a list of right answers, "
                    + $"found null"),
            JsonArray { Count: 0 } =>
                throw new DataException(
                $"{where}: \"{key}\" is an empty list; expected an answer, or a list of right answers"),
            JsonArray list when list.Any(element => element is null) =>
                throw new DataException(
                $"{where}: \"{key}\" must be an answer or a list of right answers, found null in the list"),
            _ => Of(value),
        };
    }

    /// <summary>A string, for callers that make prompts.</summary>
    public static implicit operator GroundTruth(string text) => Of(text);

    /// <summary>The value as the file has it; the caller's own copy.</summary>
    public JsonNode ToJson() => Kind == GroundTruthKind.Text ? JsonValue.Create(_written) : JsonNode.Parse(_written)!;

    /// <summary>The same with every text (the string, or the strings of the list) replaced; other kinds as they
    /// are.</summary>
    public GroundTruth WithTexts(Func<string, string> replaced)
    {
        ArgumentNullException.ThrowIfNull(replaced);
        return Kind switch
        {
            GroundTruthKind.Text => Of(replaced(_written)),
            GroundTruthKind.List =>
                Of(new JsonArray([.. ToJson().AsArray()
                .Select(element => element is JsonValue value && value.TryGetValue(out string? text)
                ? JsonValue.Create(replaced(text))
                : element?.DeepClone())])),
            _ => this,
        };
    }

    /// <summary>A JSON number in its shortest form: integers without fraction or exponent, others as they
    /// stand.</summary>
    public static string CanonicalNumber(string json)
    {
        // A fraction of zeros is cut off as text, which costs no digit.
        int point = json.IndexOf('.', StringComparison.Ordinal);
        string whole = point > 0 && json.AsSpan(point + 1).Trim('0').IsEmpty ? json[..point] : json;
        if (BigInteger.TryParse(
            whole, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out BigInteger integer))
        {
            return integer.ToString(CultureInfo.InvariantCulture);
        }

        // From 2^53 on a double no longer says which integer was meant, so the text stays.
        const double FirstInexactInteger = 9007199254740992;
        double number = double.Parse(json, NumberStyles.Float, CultureInfo.InvariantCulture);
        return double.IsInteger(number) && double.Abs(number) < FirstInexactInteger
            ? ((long)number).ToString(CultureInfo.InvariantCulture)
            : json;
    }

    /// <inheritdoc/>
    public override string ToString() => Text;

    private static string[] TextsOf(JsonArray list) => list.Any(element => element is null or JsonObject or JsonArray)
        ? []
        : [.. list.Select(element => Of(element!))
            .SelectMany(answer => answer.Kind == GroundTruthKind.Text ? [answer.Text] : answer.Alternatives)
            .Distinct(StringComparer.Ordinal)];

    /// <summary>No answer is written with quoted strings in brackets, so such a text can only be a list that was
    /// written as text.</summary>
    private JsonArray? ListInText()
    {
        string text = _written.Trim();
        if (text.Length < 4 || text[0] != '[' || text[^1] != ']' || !text.Contains('"', StringComparison.Ordinal))
        {
            return null;
        }

        try
        {
            return JsonNode.Parse(text) is JsonArray { Count: > 0 } list
                && list.All(element => element?.GetValueKind() == JsonValueKind.String) ? list : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
