using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Data.Prompts;

/// <summary>
/// Selects rows by their fields: <c>data_source:a|data_source:b</c>. Grammar:
/// <code>
/// filter = group { "|" group }      one group must hold
/// group  = term { "&amp;" term }        every term of it must hold
/// term   = ["!"] field ":" value    field may be dotted; value is the whole text, * stands for anything
/// </code>
/// A backslash before <c>| &amp; : ! * \</c> takes it literally. A field that is missing or null equals nothing; of a
/// list
/// field, one element has to be equal.
/// </summary>
public sealed class RowFilter
{
    private const string Special = "|&:!*\\";

    private readonly Term[][] _groups;

    private RowFilter(string text, Term[][] groups)
    {
        Text = text;
        _groups = groups;
    }

    /// <summary>The filter as it was written.</summary>
    public string Text { get; }

    /// <summary>The fields that it asks for.</summary>
    public IEnumerable<string> Fields => _groups.SelectMany(group => group.Select(term => term.Field));

    /// <summary>Reads a filter.</summary>
    /// <exception cref="ConfigException">It does not follow the grammar.</exception>
    public static RowFilter Parse(string text)
    {
        return new RowFilter(text,
            [.. Split(text, '|').Select(group => Split(group, '&').Select(term => ParseTerm(term, text)).ToArray())]);
    }

    /// <summary>Whether the row is selected.</summary>
    public bool Accepts(JsonObject row)
    {
        return _groups.Any(group => group.All(term => term.Accepts(row)));
    }

    /// <summary>Cuts at a separator that no backslash precedes; the backslashes stay.</summary>
    private static List<string> Split(string text, char separator)
    {
        List<string> parts = [];
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\')
            {
                i++;
            }
            else if (text[i] == separator)
            {
                parts.Add(text[start..i]);
                start = i + 1;
            }
        }

        parts.Add(text[start..]);
        return parts;
    }

    private static Term ParseTerm(string term, string filter)
    {
        string trimmed = term.Trim();
        bool negated = trimmed.StartsWith('!');
        List<string> parts = Split(negated ? trimmed[1..] : trimmed, ':');
        if (parts.Count < 2 || parts[0].Trim().Length == 0)
        {
            throw new ConfigException(
                $"filter '{filter}': '{trimmed}' must read field:value, as in data_source:gsm8k|data_source:math_dapo");
        }

        // Only the first colon separates: a value may hold others (a URL).
        string value = string.Join(':', parts.Skip(1)).Trim();
        return new Term(Unescape(parts[0].Trim(), filter), ToPattern(value, filter), negated);
    }

    private static string Unescape(string text, string filter)
    {
        StringBuilder plain = new();
        for (int i = 0; i < text.Length; i++)
        {
            plain.Append(text[i] == '\\' ? Escaped(text, ++i, filter) : text[i]);
        }

        return plain.ToString();
    }

    private static char Escaped(string text, int at, string filter)
    {
        return at < text.Length && Special.Contains(text[at], StringComparison.Ordinal)
            ? text[at]
            : throw new ConfigException($"filter '{filter}': a backslash must stand before one of {Special}");
    }

    /// <summary>The pieces between the asterisks; one piece is a plain comparison.</summary>
    private static string[] ToPattern(string value, string filter)
    {
        return [.. Split(value, '*').Select(piece => Unescape(piece, filter))];
    }

    private sealed record Term(string Field, string[] Pieces, bool Negated)
    {
        public bool Accepts(JsonObject row)
        {
            JsonNode? value = RowValues.Find(row, Field);
            bool equal = value switch
            {
                null => false,
                JsonArray list => list.Any(element => element is not null && Matches(RowValues.ToAnswerText(element))),
                _ => Matches(RowValues.ToAnswerText(value)),
            };
            return equal != Negated;
        }

        private bool Matches(string text)
        {
            if (Pieces.Length == 1)
            {
                return text == Pieces[0];
            }

            if (text.Length < Pieces[0].Length + Pieces[^1].Length
                || !text.StartsWith(Pieces[0], StringComparison.Ordinal)
                || !text.EndsWith(Pieces[^1], StringComparison.Ordinal))
            {
                return false;
            }

            int from = Pieces[0].Length;
            int limit = text.Length - Pieces[^1].Length;
            foreach (string piece in Pieces[1..^1])
            {
                int found = text.IndexOf(piece, from, limit - from, StringComparison.Ordinal);
                if (found < 0)
                {
                    return false;
                }

                from = found + piece.Length;
            }

            return true;
        }
    }
}
