using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using NUnit.Framework;

namespace Tbrm.Jinja.Tests;

/// <summary>Renders equal to those of Jinja in transformers' environment.</summary>
public sealed class JinjaGoldenTests
{
    private static readonly DateTimeOffset s_now = new(2024, 7, 26, 13, 5, 9, TimeSpan.Zero);

    [TestCase("snippets.jsonl", 110)]
    [TestCase("whitespace.jsonl", 300)]
    [TestCase("chat.jsonl", 60)]
    [TestCase("filters.jsonl", 7)]
    public void Renders_equal_the_reference(string file, int leastRows)
    {
        Dictionary<string, string> templates = [];
        JsonElement shared = JsonDocument.Parse("{}").RootElement;
        int rows = 0;
        foreach (JsonElement row in GoldenFiles.Rows(file))
        {
            string? name = row.Text("name");
            JsonElement variables = row.TryGetProperty("vars", out JsonElement own) ? own : shared;
            if (row.Text("text") == null && row.Text("error") == null)
            {
                // The head of a file: variables for all rows, or a template that rows name.
                shared = variables;
                templates[name ?? ""] = row.Text("template") ?? "";
                continue;
            }

            rows++;
            string source = row.Text("template") ?? templates[name!];
            Assert.That(Render(source, variables), Is.EqualTo(row.Text("text")), $"row {rows}: {source}");
        }

        Assert.That(rows, Is.GreaterThan(leastRows));
    }

    /// <summary>The text, or null when the template fails.</summary>
    private static string? Render(string source, JsonElement variables)
    {
        try
        {
            return JinjaTemplate.Parse(source).Render(
                variables.EnumerateObject().Select(member => KeyValuePair.Create(member.Name, member.Value)), now: () =>
                    s_now);
        }
        catch (JinjaException e)
        {
            Assert.That(e.Message, Is.Not.Empty);
            return null;
        }
    }
}
