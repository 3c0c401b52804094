using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Numerics;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Tasks;

/// <summary>One parameter of a task.</summary>
/// <param name="Name">As the Python package writes it.</param>
/// <param name="Type">The .NET type of its value.</param>
/// <param name="Default">The value when it is not given.</param>
public sealed record TaskParameter(string Name, Type Type, object? Default);

/// <summary>Reads a task's parameters, named as in the Python package, into its config record.</summary>
internal static class TaskParameters
{
    /// <summary>The parameters of a config record, in the order of its declaration; seed and size last.</summary>
    public static IReadOnlyList<TaskParameter> Of(Type configType)
    {
        object defaults = Activator.CreateInstance(configType)!;
        return [.. Properties(configType)
            .Select(p => new TaskParameter(SnakeCase(p.Name), p.PropertyType, p.GetValue(defaults)))];
    }

    /// <summary>A config record with the given values; what is not given keeps its default.</summary>
    /// <exception cref="ConfigException">A name is unknown or a value is not of its type.</exception>
    public static TaskConfig Bind(string task, Type configType, JsonObject values)
    {
        Dictionary<string, PropertyInfo> properties = Properties(configType).ToDictionary(p => SnakeCase(p.Name));
        TaskConfig config = (TaskConfig)Activator.CreateInstance(configType)!;
        foreach ((string name, JsonNode? value) in values)
        {
            if (!properties.TryGetValue(name, out PropertyInfo? property))
            {
                throw new ConfigException(
                    $"task {task} has no parameter '{name}'{NearestName.Hint(name, properties.Keys)}");
            }

            property.SetValue(config, Convert(task, name, property.PropertyType, value));
        }

        return config;
    }

    /// <summary>Reads <c>name=value</c> of a command line: a JSON value, Python's True and False, or items separated by
    /// commas.</summary>
    /// <exception cref="ConfigException">There is no '=', or the name is unknown.</exception>
    public static (string Name, JsonNode? Value) ParseArgument(string task, Type configType, string argument)
    {
        int equals = argument.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0)
        {
            throw new ConfigException($"'{argument}': a task's parameter is written name=value");
        }

        (string name, string text) = (argument[..equals], argument[(equals + 1)..]);
        PropertyInfo[] properties = Properties(configType);
        PropertyInfo property = properties.FirstOrDefault(p => SnakeCase(p.Name) == name)
            ?? throw new ConfigException(
                $"task {task} has no parameter "
                    + $"'{name}'{NearestName.Hint(name, properties.Select(p => SnakeCase(p.Name)))}");
        return (name, ParseText(property.PropertyType, text.Trim()));
    }

    /// <summary>A parameter's value as JSON.</summary>
    public static JsonNode? ToJson(object? value)
    {
        return value switch
        {
            int number => number,
            long number => number,
            BigInteger number => TaskJson.Integer(number),
            double number => TaskJson.Float(number),
            bool flag => flag,
            string text => text,
            IReadOnlyList<string> texts => TaskJson.Texts(texts),
            IReadOnlyList<JsonNode> nodes => new JsonArray([.. nodes.Select(n => n.DeepClone())]),
            _ => new JsonArray(),
        };
    }

    /// <summary><c>MinNumDecimalPlaces</c> as <c>min_num_decimal_places</c>.</summary>
    public static string SnakeCase(string name)
    {
        StringBuilder builder = new();
        for (int i = 0; i < name.Length; i++)
        {
            if (char.IsUpper(name[i]) && i > 0)
            {
                builder.Append('_');
            }

            builder.Append(char.ToLowerInvariant(name[i]));
        }

        return builder.ToString();
    }

    private static PropertyInfo[] Properties(Type configType)
    {
        // Reflection gives the base record's seed and size after the task's own.
        return [.. configType.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.SetMethod is not null)];
    }

    private static JsonNode? ParseText(Type type, string text)
    {
        if (type == typeof(string))
        {
            return text;
        }

        if (type == typeof(bool) && text is "True" or "False")
        {
            return text == "True";
        }

        if (type == typeof(BigInteger) || type == typeof(int) || type == typeof(long))
        {
            text = text.Replace("_", "", StringComparison.Ordinal);
        }

        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return typeof(System.Collections.IEnumerable).IsAssignableFrom(type) ? ParseItems(type, text) : text;
        }
    }

    /// <summary>Items separated by commas, in the brackets and quotation marks of Python's lists and tuples or
    /// without.</summary>
    private static JsonArray ParseItems(Type listType, string text)
    {
        string inner = text.Length > 1 && (text[0], text[^1]) is ('[', ']') or ('(', ')') ? text[1..^1] : text;
        string[] items = inner.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return new JsonArray([.. items.Select(i => ItemOf(listType, i.Trim('\'', '"')))]);
    }

    private static JsonNode? ItemOf(Type listType, string text)
    {
        return listType == typeof(IReadOnlyList<string>) ? text : ParseText(typeof(double), text);
    }

    private static object Convert(string task, string name, Type type, JsonNode? value)
    {
        object? converted = value is null ? null
            : type == typeof(int) ? ToInteger(value) is { } i && i >= int.MinValue && i <= int.MaxValue ? (int)i : null
            : type == typeof(long) ? ToInteger(value) is { } l && l >= long.MinValue && l <= long.MaxValue ? (long)l
                : null
            : type == typeof(BigInteger) ? ToInteger(value)
            : type == typeof(double) ? ToFloat(value)
            : type == typeof(bool) ? ToBoolean(value)
            : type == typeof(string) ? ToText(value)
            : type == typeof(IReadOnlyList<string>) ? ToList(value, ToText)
            : type == typeof(IReadOnlyList<TaskMixturePart>) ? ToList(value, ToPart)
            : type == typeof(IReadOnlyList<JsonNode>) ? ToList(value, v => ToFloat(v) is null ? null : v.DeepClone())
            : throw new InvalidOperationException($"parameter {name} of task {task} has the unsupported type {type}");
        return converted
            ?? throw new ConfigException(
            $"task {task}: {name}: {Describe(type)} was expected, found {value?.ToJsonString() ?? "null"}");
    }

    private static string Describe(Type type)
    {
        return type == typeof(int) ? $"an integer from {int.MinValue} to {int.MaxValue}"
            : type == typeof(long) || type == typeof(BigInteger) ? "an integer"
            : type == typeof(double) ? "a number"
            : type == typeof(bool) ? "true or false"
            : type == typeof(string) ? "a text"
            : type == typeof(IReadOnlyList<string>) ? "a list of texts"
            : type == typeof(IReadOnlyList<TaskMixturePart>) ? "a list of objects with name, weight and config"
            : "a list of numbers";
    }

    private static BigInteger? ToInteger(JsonNode value)
    {
        return value.GetValueKind() == JsonValueKind.Number
            && BigInteger.TryParse(value.ToJsonString(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture,
                out BigInteger integer)
            ? integer : null;
    }

    private static double? ToFloat(JsonNode value)
    {
        return value.GetValueKind() == JsonValueKind.Number
            && double.TryParse(value.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture,
                out double number)
            && double.IsFinite(number)
            ? number : null;
    }

    private static bool? ToBoolean(JsonNode value)
    {
        return value.GetValueKind() switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => null,
        };
    }

    private static string? ToText(JsonNode value)
    {
        return value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : null;
    }

    private static TaskMixturePart? ToPart(JsonNode value)
    {
        bool known = value is JsonObject part && part.All(m => m.Key is "name" or "weight" or "config");
        return known && value["name"] is { } name && ToText(name) is { } text
            && (value["weight"] is not { } weight ? 1.0 : ToFloat(weight)) is double number
            && value["config"] is null or JsonObject
            ? new TaskMixturePart(text, number, (JsonObject?)value["config"]?.DeepClone() ?? []) : null;
    }

    private static List<T>? ToList<T>(JsonNode value, Func<JsonNode, T?> convert)
        where T : class
    {
        if (value is not JsonArray array)
        {
            return null;
        }

        List<T> list = [];
        foreach (JsonNode? item in array)
        {
            if (item is null || convert(item) is not { } converted)
            {
                return null;
            }

            list.Add(converted);
        }

        return list;
    }
}
