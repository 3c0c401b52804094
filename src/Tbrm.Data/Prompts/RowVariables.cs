using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Data.Json;

namespace Tbrm.Data.Prompts;

/// <summary>
/// The columns that a chat template sees besides messages, named as transformers and TRL name them: <c>tools</c>,
/// <c>documents</c> and
/// <c>chat_template_kwargs</c> (further variables, such as enable_thinking). Each may be written as JSON text.
/// </summary>
internal static class RowVariables
{
    /// <summary>Further variables.</summary>
    public const string Kwargs = "chat_template_kwargs";

    /// <summary>Descriptions of functions.</summary>
    public const string Tools = "tools";

    /// <summary>Texts to answer from.</summary>
    public const string Documents = "documents";

    /// <summary>All of these columns.</summary>
    public static IReadOnlyList<string> Names { get; } = [Tools, Documents, Kwargs];

    /// <summary>The variables of a row; what is null or empty is not there.</summary>
    /// <exception cref="DataException">A column holds something else.</exception>
    public static TemplateVariables Read(JsonObject row, string where, bool isColumnar)
    {
        if (!row.ContainsKey(Kwargs) && !row.ContainsKey(Tools) && !row.ContainsKey(Documents))
        {
            return TemplateVariables.None;
        }

        JsonObject variables = [];
        JsonNode? kwargs = Parsed(row[Kwargs], Kwargs, where, isColumnar);
        foreach ((string name, JsonNode? value) in kwargs switch
        {
            null => [],
            JsonObject given => given,
            _ => throw new DataException(
                $"{where}: '{Kwargs}' must be an object of variables, found {StrictJson.Describe(kwargs)}"),
        })
        {
            variables[name] = value?.DeepClone();
        }

        foreach (string column in (string[])[Tools, Documents])
        {
            JsonNode? value = Parsed(row[column], column, where, isColumnar);
            if (value is not null and not JsonArray)
            {
                throw new DataException($"{where}: '{column}' must be a list, found {StrictJson.Describe(value)}");
            }

            if (value is JsonArray { Count: > 0 } list)
            {
                // Schemas differ from tool to tool, so that files with one schema keep each as text.
                variables[column] = new JsonArray([.. list.Select(element => Parsed(element, column, where, false))]);
            }
        }

        return TemplateVariables.Of(variables);
    }

    /// <summary>Puts the variables into a row's columns.</summary>
    public static void Write(TemplateVariables variables, JsonObject row, bool asText)
    {
        if (variables.IsEmpty)
        {
            return;
        }

        JsonObject kwargs = variables.ToObject();
        foreach (string column in (string[])[Tools, Documents])
        {
            JsonNode? value = kwargs[column];
            if (kwargs.Remove(column))
            {
                row[column] = asText ? value!.ToJsonString() : value;
            }
        }

        if (kwargs.Count > 0)
        {
            row[Kwargs] = asText ? kwargs.ToJsonString() : kwargs;
        }
    }

    private static JsonNode? Parsed(JsonNode? value, string column, string where, bool isColumnar)
    {
        if (value is not JsonValue scalar || !scalar.TryGetValue(out string? text))
        {
            return value is null ? null : isColumnar ? RowValues.WithoutNulls(value) : value.DeepClone();
        }

        if (string.IsNullOrWhiteSpace(text))
        {
            return null;
        }

        try
        {
            return StrictJson.Parse(Encoding.UTF8.GetBytes(text), where);
        }
        catch (DataException e)
        {
            throw new DataException(
                $"{where}: '{column}' must be a list or an object, or one as JSON text: {e.Message}", e);
        }
    }
}
