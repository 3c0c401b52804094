using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;

namespace Tbrm.Objectives.Options;

/// <summary>
/// Reads an options record from a JSON object: a property's name in snake_case is the option's. What is unknown, of
/// another type or out of
/// its range is refused by name.
/// </summary>
public static class OptionReader
{
    /// <summary>Reads a record; an option that is absent or null has the record's default.</summary>
    /// <exception cref="ConfigException">The message names <paramref name="owner"/>, the option, what was expected and
    /// what was found.</exception>
    public static T Read<T>(JsonObject? options, string owner)
        where T : new() => (T)Read(typeof(T), options, owner);

    /// <summary>The names of a record's options.</summary>
    public static IReadOnlyList<string> NamesOf(Type record) => [.. Properties(record).Select(p => Snake(p.Name))];

    /// <summary>A property's name as an option: <c>ClipRatio</c> is <c>clip_ratio</c>.</summary>
    public static string Snake(string pascal)
    {
        StringBuilder text = new();
        foreach (char c in pascal)
        {
            if (char.IsUpper(c) && text.Length > 0)
            {
                text.Append('_');
            }

            text.Append(char.ToLowerInvariant(c));
        }

        return text.ToString();
    }

    private static object Read(Type type, JsonObject? options, string owner)
    {
        object record = Activator.CreateInstance(type)!;
        foreach ((string name, JsonNode? value) in options ?? [])
        {
            PropertyInfo property = Properties(type).FirstOrDefault(p => Snake(p.Name) == name)
                ?? throw Unknown(type, name, owner);
            if (value is not null)
            {
                property.SetValue(record, Convert(property, value, $"{owner}: {name}"));
            }
        }

        return record;
    }

    private static ConfigException Unknown(Type type, string name, string owner)
    {
        IReadOnlyList<string> names = NamesOf(type);
        return new(names.Count == 0 ? $"{owner} has no options, found '{name}'"
            : $"{owner} has no option '{name}'{NearestName.Hint(name, names)} (all: {string.Join(", ", names)})");
    }

    private static IEnumerable<PropertyInfo> Properties(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.CanWrite);

    private static object Convert(PropertyInfo property, JsonNode value, string where)
    {
        Type type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        object converted = type switch
        {
            _ when type == typeof(bool) => Flag(value) ?? throw Wrong(where, "true or false", value),
            _ when type == typeof(double) => Number(value) ?? throw Wrong(where, "a finite number", value),
            _ when type == typeof(int) => Number(value) is { } n && n == Math.Floor(n) && Math.Abs(n) < int.MaxValue
                ? (int)n : throw Wrong(where, "an integer", value),
            _ when type == typeof(string) => Text(value) ?? throw Wrong(where, "a text", value),
            _ when type == typeof(double[]) => Numbers(value) ?? throw Wrong(where, "a list of finite numbers", value),
            _ => throw new InvalidOperationException($"{where}: options of type {type} are not read"),
        };
        CheckWords(property, converted, where);
        CheckRange(property, converted, where);
        return converted;
    }

    private static bool? Flag(JsonNode node) => node.GetValueKind() switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.String when bool.TryParse(node.GetValue<string>(), out bool flag) => flag,
        _ => null,
    };

    private static double? Number(JsonNode node)
    {
        string? text = node.GetValueKind() switch
        {
            JsonValueKind.Number => node.ToJsonString(),
            JsonValueKind.String => node.GetValue<string>(),
            _ => null,
        };
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
            && double.IsFinite(number) ? number : null;
    }

    private static string? Text(JsonNode node) => node.GetValueKind() switch
    {
        JsonValueKind.String => node.GetValue<string>(),
        JsonValueKind.Number => node.ToJsonString(),
        _ => null,
    };

    private static double[]? Numbers(JsonNode node)
    {
        double?[] all = node is JsonArray list ? [.. list.Select(item => item is null ? null : Number(item))] : [null];
        return Array.TrueForAll(all, n => n is not null) ? Array.ConvertAll(all, n => n!.Value) : null;
    }

    private static void CheckWords(PropertyInfo property, object value, string where)
    {
        if (property.GetCustomAttribute<AllowedWordsAttribute>() is { } words && !words.Words.Contains((string)value))
        {
            throw new ConfigException(
                $"{where}: expected one of {string.Join(", ", words.Words)}, found "
                    + $"'{value}'{NearestName.Hint((string)value, words.Words)}");
        }
    }

    private static void CheckRange(PropertyInfo property, object value, string where)
    {
        if (property.GetCustomAttribute<AllowedRangeAttribute>() is not { } range)
        {
            return;
        }

        double number = System.Convert.ToDouble(value, CultureInfo.InvariantCulture);
        if (number < range.Minimum || number > range.Maximum || (range.ExclusiveMinimum && number == range.Minimum))
        {
            throw new ConfigException(string.Create(CultureInfo.InvariantCulture,
                $"{where}: expected a number {(range.ExclusiveMinimum ? "above" : "from")} {range.Minimum} "
                    + $"{(range.ExclusiveMinimum ? "and up to" : "to")} {range.Maximum}, found {number}"));
        }
    }

    private static ConfigException Wrong(string where, string expected, JsonNode found) =>
        new($"{where}: {expected} was expected, found {found.ToJsonString()}");
}
