using System;
using System.Collections.Generic;
using System.Text.Json;
using Tbrm.Core.Errors;

namespace Tbrm.Text.Json;

/// <summary>One value of a JSON file together with where it stands, so that every complaint can name file and
/// key.</summary>
internal readonly struct JsonView
{
    private static readonly JsonDocumentOptions s_options = new() { MaxDepth = 128 };

    private readonly JsonElement _element;
    private readonly string _file;
    private readonly string _path;

    private JsonView(JsonElement element, string file, string path)
    {
        _element = element;
        _file = file;
        _path = path;
    }

    /// <summary>What kind of value this is.</summary>
    public JsonValueKind Kind => _element.ValueKind;

    /// <summary>The value itself, for callers that keep arbitrary JSON.</summary>
    public JsonElement Element => _element;

    /// <summary>Reads a whole file. A byte order mark is allowed.</summary>
    /// <exception cref="DataException">It is not JSON.</exception>
    public static JsonView Parse(ReadOnlyMemory<byte> utf8, string file)
    {
        if (utf8.Span.StartsWith("\uFEFF"u8))
        {
            utf8 = utf8[3..];
        }

        if (!System.Text.Unicode.Utf8.IsValid(utf8.Span))
        {
            throw new DataException($"{file}: expected JSON in UTF-8, found bytes that are none");
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(utf8, s_options);
            return new JsonView(document.RootElement.Clone(), file, "$");
        }
        catch (JsonException e)
        {
            throw new DataException(
                $"{file}: expected JSON, found a fault at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}: "
                    + $"{e.Message}", e);
        }
    }

    /// <summary>The member <paramref name="name"/>; false when it is absent or null.</summary>
    public bool TryGet(string name, out JsonView value)
    {
        JsonElement member = default;
        bool found;
        try
        {
            found = Kind == JsonValueKind.Object && _element.TryGetProperty(name, out member)
                && member.ValueKind != JsonValueKind.Null;
        }
        catch (InvalidOperationException)
        {
            throw UnreadableKey();
        }

        value = found ? new JsonView(member, _file, $"{_path}.{name}") : default;
        return found;
    }

    /// <summary>The member <paramref name="name"/>, which must be there.</summary>
    public JsonView Get(string name)
    {
        if (Kind != JsonValueKind.Object)
        {
            throw Unexpected("an object");
        }

        return TryGet(name, out JsonView value) ? value : throw Fail($"the key \"{name}\" is missing or null");
    }

    /// <summary>A string member, or <paramref name="fallback"/> when absent or null.</summary>
    public string? GetString(string name, string? fallback = null) => TryGet(name, out JsonView value)
        ? value.AsString() : fallback;

    /// <summary>A boolean member, or <paramref name="fallback"/> when absent or null.</summary>
    public bool GetBool(string name, bool fallback) => TryGet(name, out JsonView value) ? value.AsBool() : fallback;

    /// <summary>The value as text.</summary>
    public string AsString()
    {
        if (Kind != JsonValueKind.String)
        {
            throw Unexpected("a string");
        }

        try
        {
            return _element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Fail("the string holds half of a surrogate pair; it is no text");
        }
    }

    /// <summary>The value as true or false.</summary>
    public bool AsBool() => Kind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Unexpected("true or false"),
    };

    /// <summary>The value as a whole number from 0 to 2^31 - 1.</summary>
    public int AsCount()
    {
        return Kind == JsonValueKind.Number && _element.TryGetInt32(out int number) && number >= 0
            ? number
            : throw Unexpected("a whole number from 0 to 2147483647");
    }

    /// <summary>The elements of an array.</summary>
    public IEnumerable<JsonView> Items()
    {
        if (Kind != JsonValueKind.Array)
        {
            throw Unexpected("an array");
        }

        return Enumerate(this);

        static IEnumerable<JsonView> Enumerate(JsonView array)
        {
            int index = 0;
            foreach (JsonElement item in array._element.EnumerateArray())
            {
                yield return new JsonView(item, array._file, $"{array._path}[{index++}]");
            }
        }
    }

    /// <summary>The members of an object, in the order of the file.</summary>
    public IEnumerable<KeyValuePair<string, JsonView>> Members()
    {
        if (Kind != JsonValueKind.Object)
        {
            throw Unexpected("an object");
        }

        return Enumerate(this);

        static IEnumerable<KeyValuePair<string, JsonView>> Enumerate(JsonView view)
        {
            foreach (JsonProperty member in view._element.EnumerateObject())
            {
                yield return new(view.NameOf(member), new JsonView(member.Value, view._file, view._path + "[...]"));
            }
        }
    }

    /// <summary>A complaint about this value.</summary>
    public DataException Fail(string complaint) => new($"{_file}: {_path}: {complaint}");

    /// <summary>A complaint that this value is not what was expected.</summary>
    public DataException Unexpected(string expected)
    {
        string found = _element.ValueKind == JsonValueKind.Undefined ? "nothing" : _element.GetRawText();
        return Fail($"expected {expected}, found {(found.Length > 60 ? found[..60] + "..." : found)}");
    }

    private string NameOf(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException)
        {
            throw UnreadableKey();
        }
    }

    private DataException UnreadableKey() => Fail("a key holds half of a surrogate pair; it is no text");
}
