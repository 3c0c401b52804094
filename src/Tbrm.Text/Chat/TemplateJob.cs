using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Jinja;
using Tbrm.Text.Json;

namespace Tbrm.Text.Chat;

/// <summary>The work of <c>template</c>: rows with messages get the prompt's text, or the reason why there is
/// none.</summary>
public static class TemplateJob
{
    /// <summary>Renders every row with a folder's chat template.</summary>
    /// <returns>How many rows got an error.</returns>
    public static int Render(ChatTemplate template, string input, string output) =>
        Render(template, TemplateVariables.None, input, output);

    /// <summary>The same, with variables of which a row's own win.</summary>
    /// <returns>How many rows got an error.</returns>
    public static int Render(ChatTemplate template, TemplateVariables variables, string input, string output) =>
        Run(row => template.Render(row, variables), input, output);

    /// <summary>Renders every row with a Jinja source, the row's keys being its variables. A source that cannot be read
    /// fails every row.</summary>
    /// <returns>How many rows got an error.</returns>
    public static int Render(string source, string input, string output) =>
        Render(source, TemplateVariables.None, input, output);

    /// <summary>The same, with variables of which a row's own win.</summary>
    /// <returns>How many rows got an error.</returns>
    public static int Render(string source, TemplateVariables variables, string input, string output)
    {
        Lazy<JinjaTemplate> parsed = new(() => JinjaTemplate.Parse(source));
        using JsonDocument given = JsonDocument.Parse(variables.Json);
        KeyValuePair<string, JsonElement>[] defaults =
            [.. given.RootElement.EnumerateObject().Select(member => KeyValuePair.Create(member.Name, member.Value))];
        return Run(row =>
            parsed.Value.Render(defaults.Concat(
            row.EnumerateObject().Select(member => KeyValuePair.Create(member.Name, member.Value)))), input, output);
    }

    private static int Run(Func<JsonElement, string> render, string input, string output)
    {
        int errors = 0;
        JsonRows.Convert(input, output, (line, place, writer) =>
        {
            string? text = null;
            string? error = null;
            JsonDocument? row = null;
            try
            {
                row = JsonRows.ParseObject(line, place);
                text = render(row.RootElement);
            }
            catch (Exception e) when (e is JinjaException or DataException)
            {
                error = e.Message;
            }
            catch (InvalidOperationException)
            {
                error = $"{place}: the row holds half of a surrogate pair, which is no text";
            }

            using (row)
            {
                writer.WriteStartObject();
                if (row != null)
                {
                    JsonRows.CopyMembers(row.RootElement, writer, "text", "error");
                }

                writer.WriteString(text != null ? "text" : "error", text ?? error);
                writer.WriteEndObject();
                errors += text == null ? 1 : 0;
            }
        });
        return errors;
    }
}
