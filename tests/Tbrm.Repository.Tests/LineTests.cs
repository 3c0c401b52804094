using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;
using NUnit.Framework;

namespace Tbrm.Repository.Tests;

/// <summary>
/// Lines of C# end within 120 columns. Raw string literals alone may hold longer ones, as rows of data and texts that
/// are compared to the letter cannot be broken: inside of them, or where one begins its line and no blank follows it.
/// </summary>
public sealed class LineTests
{
    private const int Columns = 120;

    [Test]
    public void Lines_end_within_120_columns()
    {
        string[] folders = ["src", "tests", "bench", "examples"];
        IEnumerable<string> files = folders.SelectMany(folder => Directory.EnumerateFiles(
            Testing.Repository.PathOf(folder), "*.cs", SearchOption.AllDirectories));
        Assert.That(files.SelectMany(file => TooLong(File.ReadAllText(file))
            .Select(line => $"{Path.GetRelativePath(Testing.Repository.Root, file)}:{line}")), Is.Empty);
    }

    [TestCase("// LONG", 1)]
    [TestCase("class A\n{\n    string s = \"LONG\";\n}", 3)]
    [TestCase("string s = \"\"\"LONG\"\"\";", 1)]
    [TestCase("string s =\n    \"\"\"LONG\"\"\".Trim();", 0)]
    [TestCase("string s = F(\n    $$\"\"\"LONG {{1 + 1}}\"\"\")[0];", 0)]
    [TestCase("string s = F(\n    \"\"\"LONG\"\"\", 1);", 2)]
    [TestCase("string s = \"\"\"\n    LONG\n    \"\"\";", 0)]
    [TestCase("string s = $\"\"\"\n    LONG {1}\n    \"\"\";", 0)]
    [TestCase("string s = \"\"\"\n    short\n    \"\"\"; // LONG", 3)]
    [TestCase("// \"\"\"\n// LONG\n// \"\"\"", 2)]
    public void Raw_literals_alone_hold_longer_ones(string source, int line)
    {
        string text = source.Replace("LONG", string.Concat(Enumerable.Repeat("word ", Columns / 5 + 1)),
            StringComparison.Ordinal);
        Assert.That(TooLong(text), Is.EqualTo(line == 0 ? [] : new[] { line }));
    }

    private static IEnumerable<int> TooLong(string source)
    {
        SourceText text = SourceText.From(source);
        TextLine[] lines = [.. text.Lines.Where(l => l.Span.Length > Columns)];
        if (lines.Length == 0)
        {
            return [];
        }

        TextSpan[] literals = [.. CSharpSyntaxTree.ParseText(text).GetRoot().DescendantNodes().Where(IsRaw)
            .Select(node => node.Span)];
        return lines.Where(line => !literals.Any(l => Holds(l, line))).Select(line => line.LineNumber + 1);
    }

    private static bool Holds(TextSpan literal, TextLine line)
    {
        string text = line.ToString();
        int start = line.Start + text.Length - text.TrimStart().Length;
        return literal.Start <= start && literal.End > start
            && !text.AsSpan(Math.Min(literal.End, line.End) - line.Start).Contains(' ');
    }

    private static bool IsRaw(SyntaxNode node) => node switch
    {
        LiteralExpressionSyntax plain => plain.Token.Kind()
            is SyntaxKind.SingleLineRawStringLiteralToken or SyntaxKind.MultiLineRawStringLiteralToken,
        InterpolatedStringExpressionSyntax interpolated => interpolated.StringStartToken.Kind()
            is SyntaxKind.InterpolatedSingleLineRawStringStartToken
                or SyntaxKind.InterpolatedMultiLineRawStringStartToken,
        _ => false,
    };
}
