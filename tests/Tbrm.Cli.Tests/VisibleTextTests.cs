using System;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>Text that came from data, a model or a grader commands no terminal: it is shown, and files hold it as it
/// was.</summary>
public sealed class VisibleTextTests : FolderTests
{
    [TestCase("plain, with\ttabs\nand lines \u00e4\u4e2d\U0001F600",
        "plain, with\ttabs\nand lines \u00e4\u4e2d\U0001F600")]
    [TestCase("\u001b[2J", "\\u001b[2J")]
    [TestCase("\u001b]0;OWNED\u0007", "\\u001b]0;OWNED\\u0007")]
    [TestCase("\u009b31m\u0085", "\\u009b31m\\u0085")]
    [TestCase("a\rb", "a\\u000db")]
    [TestCase("a\r\nb", "a\r\nb")]
    [TestCase("a\bb\u007f\0", "a\\u0008b\\u007f\\u0000")]
    [TestCase("a\u202eb\u2066c\u200f\u061c", "a\\u202eb\\u2066c\\u200f\\u061c")]
    [TestCase("\u2028\u2029\ufeff", "\\u2028\\u2029\\ufeff")]
    [TestCase("\U000E0041", "\\udb40\\udc41")]
    public void What_would_command_a_terminal_is_written_as_json_writes_it(string text, string expected)
    {
        Assert.That(VisibleText.Of(text), Is.EqualTo(expected));
        using StringWriter output = new() { NewLine = "\n" };
        using (VisibleWriter writer = new(output))
        {
            writer.Write(text);
            writer.WriteLine(text);
            writer.Write(text.ToCharArray());
            writer.WriteLine("{0}", text);
        }

        Assert.That(output.ToString(), Is.EqualTo($"{expected}{expected}\n{expected}{expected}\n"));
    }

    [Test]
    public void Half_a_surrogate_pair_is_shown() =>
        Assert.That(VisibleText.Of("a" + (char)0xD83D + "b"), Is.EqualTo("a\\ud83db"));

    [Test]
    public void Json_keeps_its_meaning()
    {
        string json = new JsonObject { ["a"] = "\u202e\u001b\u009b" }.ToJsonString(
            new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        Assert.That(JsonNode.Parse(VisibleText.Of(json))!["a"]!.GetValue<string>(), Is.EqualTo("\u202e\u001b\u009b"));
    }

    [Test]
    public void What_a_grader_writes_is_shown_on_stderr_and_left_alone_in_files()
    {
        if (!File.Exists("/bin/sh"))
        {
            return;
        }

        string input = Path.Combine(Folder, "in.jsonl"), output = Path.Combine(Folder, "out.jsonl");
        File.WriteAllText(input,
            new JsonObject { ["solution_str"] = "\u001b[2Ja", ["ground_truth"] = "a" }.ToJsonString() + "\n");
        string command = new JsonArray(
            "/bin/sh", "-c", "printf '\\033]0;on stderr\\007' >&2; while read line; do printf '\\033[2Jx\\n'; done")
            .ToJsonString();
        Outcome outcome = CommandLine.Run(
            ["score", "--grader", "command", "--in", input, "--out", output, $"command={command}"]);
        Assert.That(outcome.Error, Does.Contain("\\u001b[2Jx").And.Not.Contain("\u001b"));
        Assert.That(JsonNode.Parse(File.ReadAllText(output))!["solution_str"]!.GetValue<string>(),
            Is.EqualTo("\u001b[2Ja"));
    }

    [Test]
    public void What_a_file_holds_is_shown_in_errors()
    {
        string input = Path.Combine(Folder, "in.jsonl");
        File.WriteAllText(input,
            "{\"solution_str\": \"a\", \"ground_truth\": null, \"data_source\": \"\\u001b[2J\"}\n");
        Outcome outcome = CommandLine.Run(
            ["score", "--grader", "\u001b[31m", "--in", input, "--out", Path.Combine(Folder, "out.jsonl")]);
        Assert.That(outcome.ExitCode, Is.EqualTo(2));
        Assert.That(outcome.Error, Does.Contain("\\u001b[31m").And.Not.Contain("\u001b"));
        Assert.That(outcome.Error.Split('\n').Where(line => line.Length > 0)
            .All(line => line.StartsWith("tbrm-native:", StringComparison.Ordinal)), outcome.Error);
    }
}
