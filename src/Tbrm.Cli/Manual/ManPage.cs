using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Linq;
using System.Text;
using Tbrm.Training.Config.Descriptions;

namespace Tbrm.Cli.Manual;

/// <summary>
/// tbrm-native(1) in the man macros of roff, written from what --help and config --describe print: the commands with
/// their options, and every configuration key.
/// </summary>
internal static class ManPage
{
    private static readonly (string Name, string Meaning)[] s_environment =
    [
        ("TBRM_NATIVE_DIR", "The folder that holds libtbrm, before any other place."),
        ("TBRM_ISA",
            "scalar, avx2, avx512 or avx512bf16: at most this instruction set; one that the machine lacks is ignored."),
        ("TBRM_SYNC_LAUNCHES", "1: every CUDA launch is waited for, so that a fault is reported where it was made."),
        ("TBRM_TORCH_PLUGIN", "The file of libtbrm_torch, for torch devices; else the one beside the library."),
        ("XDG_CACHE_HOME", "Where passed checks of GPUs are remembered (tbrm-native/self-check); else ~/.cache."),
        ("NO_COLOR", "No colours on a terminal."),
        ("OMP_WAIT_POLICY, GOMP_SPINCOUNT",
            "How long idle threads of OpenMP spin; unless one is set, about 20 microseconds."),
    ];

    /// <summary>The page.</summary>
    /// <param name="root">The program's commands.</param>
    /// <param name="version">The version in the page's footer.</param>
    public static string Of(Command root, string version)
    {
        StringBuilder page = new();
        page.Append($".TH TBRM-NATIVE 1 \"\" \"tbrm-native {Text(version)}\" \"User Commands\"\n");
        page.Append($".SH NAME\ntbrm-native \\- {Text(LowerFirst(root.Description!.TrimEnd('.')))}\n");
        page.Append(".SH SYNOPSIS\n.B tbrm-native\n.I COMMAND\n.RI [ key=value \" ...] [\" OPTIONS ]\n");
        page.Append(".SH COMMANDS\n");
        foreach (Command command in root.Subcommands.Where(c => !c.Hidden))
        {
            AppendCommand(page, command, "");
        }

        page.Append(".SH CONFIGURATION KEYS\n");
        page.Append(Text("On the command line a key is key=value; in a file the dots are sections. "
            + "'tbrm-native config --init FILE' writes a file with all of them.")).Append('\n');
        foreach (KeyDescription key in KeyDescription.All)
        {
            Tagged(page, Text(key.Path), Text($"{key.Meaning} {Value(key)}"));
        }

        page.Append(".SH EXIT STATUS\n");
        foreach ((string code, string meaning) in ExitCodes())
        {
            Tagged(page, code, Text(meaning));
        }

        page.Append(".SH ENVIRONMENT\n");
        foreach ((string name, string meaning) in s_environment)
        {
            Tagged(page, Text(name), Text(meaning));
        }

        return page.ToString();
    }

    /// <summary>The variables of the section ENVIRONMENT.</summary>
    internal static IEnumerable<string> Environment => s_environment.Select(v => v.Name);

    private static void AppendCommand(StringBuilder page, Command command, string path)
    {
        string name = path + command.Name;
        page.Append($".SS {Text(name + Arguments(command))}\n{Text(command.Description ?? "")}\n");
        foreach (Argument argument in command.Arguments.Where(a => !a.Hidden))
        {
            Tagged(page, Text(NameOf(argument)), Text(argument.Description ?? ""));
        }

        foreach (Option option in command.Options.Where(o => !o.Hidden))
        {
            IEnumerable<string> names = option.Aliases.Prepend(option.Name).Distinct();
            string value = option.ValueType == typeof(bool) || option.HelpName is null ? "" : " " + option.HelpName;
            Tagged(page, Text(string.Join(", ", names) + value), Text(option.Description ?? ""));
        }

        foreach (Command below in command.Subcommands.Where(c => !c.Hidden))
        {
            AppendCommand(page, below, name + " ");
        }
    }

    private static string Arguments(Command command) => string.Concat(command.Arguments.Where(a => !a.Hidden)
        .Select(a => a.Arity.MinimumNumberOfValues > 0 ? $" {NameOf(a)}" : $" [{NameOf(a)}...]"));

    private static string NameOf(Argument argument) => argument.HelpName ?? argument.Name;

    private static string Value(KeyDescription key)
    {
        string allowed = key.Allowed.Length > 0 ? ": " + key.Allowed : "";
        return $"Value: {key.Type}{allowed}. Default: {(key.Default.Length > 0 ? key.Default : "nothing")}.";
    }

    private static IEnumerable<(string Code, string Meaning)> ExitCodes() =>
    [
        ("0", "Done."),
        ("1", "A defect of the program's."),
        ("2", "The command line or the configuration."),
        ("3", "A data file, a model folder or a tokenizer is missing, malformed or does not fit."),
        ("4", "Host or device memory, or disk space, ran out."),
        ("5", "The loss or its gradient is NaN or infinite for longer than trainer.max_non_finite_steps."),
        ("130", "Interrupted; the state was saved."),
    ];

    private static void Tagged(StringBuilder page, string tag, string text) =>
        page.Append($".TP\n.B {tag}\n{text}\n");

    private static string LowerFirst(string text) => char.ToLowerInvariant(text[0]) + text[1..];

    /// <summary>Text that roff takes as it stands: its escape character, hyphens that are typed, and no line that
    /// begins with a control character.</summary>
    internal static string Text(string text)
    {
        string escaped = text.ReplaceLineEndings(" ").Replace("\\", "\\e", StringComparison.Ordinal)
            .Replace("-", "\\-", StringComparison.Ordinal);
        return escaped.StartsWith('.') || escaped.StartsWith('\'') ? "\\&" + escaped : escaped;
    }
}
