using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using NUnit.Framework;

namespace Tbrm.Training.Tests.Reports;

/// <summary>What every report must be, whatever the run held.</summary>
internal static partial class HtmlCheck
{
    private static readonly string[] s_void = ["meta"];

    /// <summary>Tags are balanced, drawings are well-formed and stay within their frame, the data are JSON, and nothing
    /// is loaded.</summary>
    public static List<XElement> Sound(string html)
    {
        Assert.That(html, Does.StartWith("<!doctype html>").And.EndWith("</html>\n"));
        Assert.That(Tags().Matches(html).Select(m => m.Groups[2].Value),
            Has.None.EqualTo("iframe").And.None.EqualTo("link").And.None.EqualTo("img"));
        Assert.That(Tags().Matches(html).Select(m => m.Value), Has.None.Match("\\s(src|href|on[a-z]+)="),
            "nothing is loaded, nothing is a link or a handler");
        Assert.That(RawText().Matches(html).Select(m => m.Value), Has.None.Contain("@import").And.None.Contain("url("));
        Assert.That(html.Any(
            c => (c < 0x20 && c != '\n' && c != '\t') || c is (>= '\u007f' and < '\u00a0') or '\ufffe'), Is.False,
            "control characters");
        Balanced(html);
        foreach (Match data in Data().Matches(html))
        {
            using JsonDocument json = JsonDocument.Parse(data.Groups[1].Value);
            Assert.That(json.RootElement.EnumerateArray()
                .All(c => c.GetProperty("x").GetArrayLength() == c.GetProperty("text").GetArrayLength()));
        }

        List<XElement> drawings = [.. Drawings().Matches(html).Select(m => XElement.Parse(m.Value))];
        foreach (XElement drawing in drawings)
        {
            Within(drawing);
        }

        return drawings;
    }

    private static void Balanced(string html)
    {
        // Script and style hold text, no tags.
        string body = RawText().Replace(html, m => $"<{m.Groups[1].Value}></{m.Groups[1].Value}>");
        Stack<string> open = new();
        foreach (Match tag in Tags().Matches(body))
        {
            string name = tag.Groups[2].Value;
            if (tag.Groups[1].Length > 0)
            {
                Assert.That(open.TryPop(out string? opened) ? opened : "nothing", Is.EqualTo(name),
                    $"closing tag at {tag.Index}: "
                        + $"{body[Math.Max(0, tag.Index - 60)..Math.Min(body.Length, tag.Index + 10)]}");
            }
            else if (!s_void.Contains(name) && !tag.Value.EndsWith("/>", StringComparison.Ordinal))
            {
                open.Push(name);
            }
        }

        Assert.That(open, Is.Empty, "unclosed tags");
    }

    private static void Within(XElement drawing)
    {
        Assert.That(drawing.Elements().Select(e => e.Name.LocalName).Take(2), Is.EqualTo(new[] { "title", "desc" }),
            "for those who hear it");
        foreach (XElement path in drawing.Elements("path"))
        {
            string d = path.Attribute("d")!.Value;
            Assert.That(d, Does.Match("^[MLHVhZ0-9. -]*$"), "only numbers");
            if (path.Attribute("class")!.Value.StartsWith("line", StringComparison.Ordinal))
            {
                foreach (double[] point in Points().Matches(d)
                    .Select(m => new[] { Parse(m.Groups[1].Value), Parse(m.Groups[2].Value) }))
                {
                    Assert.That(point[0], Is.InRange(49.9, 426.1), d);
                    Assert.That(point[1], Is.InRange(9.9, 194.1), d);
                }
            }
        }
    }

    private static double Parse(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex("<(/?)([a-z][a-z0-9]*)[^>]*>")]
    private static partial Regex Tags();

    [GeneratedRegex("<(script|style)\\b[^>]*>.*?</\\1>", RegexOptions.Singleline)]
    private static partial Regex RawText();

    [GeneratedRegex("<script type=\"application/json\">(.*?)</script>", RegexOptions.Singleline)]
    private static partial Regex Data();

    [GeneratedRegex("<svg .*?</svg>", RegexOptions.Singleline)]
    private static partial Regex Drawings();

    [GeneratedRegex("[ML](-?[0-9.]+) (-?[0-9.]+)")]
    private static partial Regex Points();
}
