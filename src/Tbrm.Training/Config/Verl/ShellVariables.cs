using System;
using System.Buffers;
using System.Collections.Generic;
using System.Globalization;
using System.IO.Enumeration;
using System.Linq;
using System.Text;

namespace Tbrm.Training.Config.Verl;

/// <summary>A text; <see cref="Unknown"/> stands for a part that only running the script would tell.</summary>
internal readonly record struct ShellValue(string Text)
{
    /// <summary>A character that no script holds.</summary>
    public const char Unknown = '\uFFFF';

    /// <summary>What only running the script would tell.</summary>
    public static ShellValue None { get; } = new(Unknown.ToString());

    /// <summary>Whether the whole text is known.</summary>
    public bool IsKnown => !Text.Contains(Unknown, StringComparison.Ordinal);
}

/// <summary>The variables of a script, and the expansion of its words; the caller's environment stands behind
/// them.</summary>
/// <param name="environment">A variable of the caller's environment, or null.</param>
/// <param name="output">What a command substitution would give, as far as that can be told without running it.</param>
internal sealed class ShellVariables(Func<string, string?> environment, Func<string, ShellValue> output)
{
    private const int MostNesting = 50;

    private readonly Dictionary<string, List<ShellValue>> _values = new(StringComparer.Ordinal);
    private int _nesting;

    /// <summary>Sets a variable to one value or an array, or adds to an array.</summary>
    public void Set(string name, List<ShellValue> values, bool isAppended)
    {
        _values[name] = isAppended && _values.TryGetValue(name, out List<ShellValue>? before) ? [.. before, .. values]
            : values;
    }

    /// <summary>Appends to a text (<c>NAME+=text</c>).</summary>
    public void Append(string name, ShellValue value)
    {
        _values[name] = [new((Get(name)?.Text ?? "") + value.Text)];
    }

    /// <summary>A word as one text, without being split.</summary>
    public ShellValue Join(IReadOnlyList<ShellPart> parts)
    {
        StringBuilder text = new();
        foreach (ShellPart part in parts)
        {
            text.AppendJoin(' ', Values(part).Select(w => w.Text));
        }

        return new(text.ToString());
    }

    /// <summary>A word as the words that a command receives: arrays spread out, unquoted expansions split at
    /// blanks.</summary>
    public List<ShellValue> Split(IReadOnlyList<ShellPart> parts)
    {
        List<ShellValue> words = [];
        bool open = false;
        foreach (ShellPart part in parts)
        {
            List<ShellValue> values = part is ShellText || part.IsQuoted ? Values(part)
                : [.. Values(part).SelectMany(v => Blanks(v.Text))];
            for (int i = 0; i < values.Count; i++)
            {
                if (i == 0 && open)
                {
                    words[^1] = new(words[^1].Text + values[0].Text);
                }
                else
                {
                    words.Add(values[i]);
                }

                open = true;
            }
        }

        return words;
    }

    private static IEnumerable<ShellValue> Blanks(string text) =>
        text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Select(t => new ShellValue(t));

    private List<ShellValue> Values(ShellPart part) => part switch
    {
        ShellText text => [new(text.Text)],
        ShellSum sum => [Sum(sum.Expression)],
        ShellOutput command => [output(command.Command)],
        ShellParameter { IsQuoted: true } all when all.Expression.EndsWith("[*]", StringComparison.Ordinal) =>
            [new(string.Join(' ', Parameter(all.Expression).Select(v => v.Text)))],
        ShellParameter parameter => Parameter(parameter.Expression),
        _ => [ShellValue.None],
    };

    private ShellValue Sum(string expression) => new ShellArithmetic(expression, n => Get(n)?.Text)
        .Evaluate() is { } value
        ? new(value.ToString(CultureInfo.InvariantCulture)) : ShellValue.None;

    private ShellValue? Get(string name) =>
        _values.TryGetValue(name, out List<ShellValue>? values) ? (values.Count > 0 ? values[0] : new(""))
        : environment(name) is { } text ? new(text) : null;

    private List<ShellValue> Parameter(string expression)
    {
        int end = 0;
        while (end < expression.Length && (char.IsLetterOrDigit(expression[end]) || expression[end] == '_'))
        {
            end++;
        }

        string name = expression[..end], rest = expression[end..];
        if (name.Length == 0 || char.IsDigit(name[0]))
        {
            // Positional parameters: the script is read as if it was called without any.
            return rest is "@" or "*" || rest.StartsWith("@:", StringComparison.Ordinal) ? [] : rest == "#" ? [new("0")]
                : name == "0" ? [ShellValue.None]
                : rest.StartsWith(":-", StringComparison.Ordinal) ? Default(rest[2..]) : [new("")];
        }

        if (rest is "[@]" or "[*]")
        {
            return _values.TryGetValue(name, out List<ShellValue>? all) ? all : [];
        }

        if (rest.StartsWith('[') && rest.EndsWith(']')
            && int.TryParse(rest[1..^1], NumberStyles.None, CultureInfo.InvariantCulture, out int place))
        {
            return _values.TryGetValue(name, out List<ShellValue>? items) && place < items.Count ? [items[place]]
                : [new("")];
        }

        return Operation(Get(name), rest);
    }

    private List<ShellValue> Operation(ShellValue? value, string rest)
    {
        bool isEmpty = value is null or { Text: "" };
        string two = rest.Length >= 2 ? rest[..2] : rest, text = value?.Text ?? "";
        return (two, rest.Length > 0 ? rest[0] : '\0') switch
        {
            (":-" or ":=", _) => isEmpty ? Default(rest[2..]) : [value!.Value],
            (":+", _) => isEmpty ? [new("")] : Default(rest[2..]),
            (":?", _) => [isEmpty ? ShellValue.None : value!.Value],
            (_, '-') => value is null ? Default(rest[1..]) : [value.Value],
            (_, '+') => value is null ? [new("")] : Default(rest[1..]),
            (_, '?') => [value ?? ShellValue.None],
            (",,", _) => [new(text.ToLowerInvariant())],
            ("^^", _) => [new(text.ToUpperInvariant())],
            (_, '\0') => [new(text)],
            (_, '#' or '%' or '/') => [Cut(text, rest)],
            _ => [ShellValue.None],
        };
    }

    private static readonly SearchValues<char> s_special = SearchValues.Create("*?[#%$");

    /// <summary><c>${x#pattern}</c> and its like: a beginning or an end that matches is cut off, the shortest or
    /// (doubled) the longest; <c>${x/a/b}</c> replaces.</summary>
    private static ShellValue Cut(string text, string rest)
    {
        if (rest[0] == '/')
        {
            bool all = rest.StartsWith("//", StringComparison.Ordinal);
            string[] sides = rest[(all ? 2 : 1)..].Split('/', 2);
            int at = text.IndexOf(sides[0], StringComparison.Ordinal);
            return sides[0].Length == 0 || sides[0].AsSpan().ContainsAny(s_special)
                || (sides.Length > 1 && sides[1].Contains('$')) ? ShellValue.None
                : at < 0 ? new(text) : all
                    ? new(text.Replace(sides[0], sides.ElementAtOrDefault(1) ?? "", StringComparison.Ordinal))
                : new(text[..at] + sides.ElementAtOrDefault(1) + text[(at + sides[0].Length)..]);
        }

        bool isLongest = rest.Length > 1 && rest[1] == rest[0];
        string pattern = rest[(isLongest ? 2 : 1)..];
        if (pattern.Contains('$') || pattern.Contains('['))
        {
            return ShellValue.None;
        }

        IEnumerable<int> lengths = Enumerable.Range(0, text.Length + 1);
        foreach (int length in isLongest ? lengths.Reverse() : lengths)
        {
            string part = rest[0] == '#' ? text[..length] : text[^length..];
            if (FileSystemName.MatchesSimpleExpression(pattern, part, ignoreCase: false))
            {
                return new(rest[0] == '#' ? text[length..] : text[..^length]);
            }
        }

        return new(text);
    }

    private List<ShellValue> Default(string text)
    {
        if (++_nesting > MostNesting)
        {
            _nesting = 0;
            return [ShellValue.None];
        }

        // The text of a default is itself a word; blanks in it belong to it.
        List<ShellToken> tokens =
            new ShellLexer("\"" + text.Trim('"').Replace("\"", "", StringComparison.Ordinal) + "\"", "default").Read();
        List<ShellValue> result = [tokens.Count == 1 ? Join(tokens[0].Parts) : ShellValue.None];
        _nesting--;
        return result;
    }
}
