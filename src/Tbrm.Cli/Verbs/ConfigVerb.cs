using System;
using System.Collections.Generic;
using System.CommandLine;
using System.CommandLine.Completions;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Files;
using Tbrm.Training.Config;
using Tbrm.Training.Config.Descriptions;
using Tbrm.Training.Config.Verl;

namespace Tbrm.Cli.Verbs;

/// <summary><c>config</c>: the configuration that a run would have.</summary>
internal sealed class ConfigVerb : IVerb
{
    private static readonly JsonSerializerOptions s_readable =
        new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly RunOptions _run = new();
    private readonly Option<bool> _list = new("--list") { Description = "Lists the presets: name, kind, what it is" };

    private readonly Option<string?> _fromVerl = new("--from-verl")
    {
        Description =
            "A run script (bash) or configuration (YAML) of verl's: prints what becomes of each of its keys, and the "
                + "configuration that results",
        HelpName = "FILE",
    };

    private readonly Option<string?> _describe = new("--describe")
    {
        Description =
            "Explains keys: meaning, type, range, default, when it counts, verl's name. KEY is a key, a section or a "
                + "pattern (actor.*); without it all keys",
        HelpName = "KEY",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<bool> _markdown =
        new("--markdown") { Description = "With --describe: the page docs/reference/config.md" };
    private readonly Option<string?> _init =
        new("--init")
        {
            Description = "Writes the configuration with its comments to a new file, for -c",
            HelpName = "FILE"
        };
    private readonly Option<bool> _plain = new("--plain") { Description = "Without comments" };
    private readonly Option<bool> _json =
        new("--json") { Description = "JSON instead: of the configuration, of --list or of --describe" };

    public Command Create()
    {
        Command command = new("config", "Prints the resolved configuration as YAML, each key with what it means");
        _run.AddTo(command);
        _describe.CompletionSources.Add(_ => ConfigSchema.Keys.Keys.Select(k => new CompletionItem(k)));
        foreach (Option option in new Option[] { _list, _describe, _markdown, _init, _plain, _json,
            _fromVerl })
        {
            command.Options.Add(option);
        }

        command.SetAction(parsed =>
        {
            Act(parsed);
            return (int)ExitCode.Ok;
        });
        return command;
    }

    private void Act(ParseResult parsed)
    {
        OnlyOne(parsed);
        bool isJson = parsed.GetValue(_json);
        if (parsed.GetValue(_list))
        {
            Console.Out.Write(isJson ? string.Concat(Presets().Select(p => new JsonObject
            {
                ["use"] = p.Use,
                ["name"] = p.Preset.Name,
                ["summary"] = p.Preset.Summary,
            }.ToJsonString(s_readable) + "\n"))
                : PlainTable.Wrapped([.. Presets().Select(p => new[] { $"{p.Use} {p.Preset.Name}", p.Preset.Summary })],
                    Terminal.TextWidth));
        }
        else if (parsed.GetResult(_describe) is { Implicit: false })
        {
            IReadOnlyList<KeyDescription> keys = parsed.GetValue(_describe) is { Length: > 0 } key
                ? KeyDescription.Matching(key) : KeyDescription.All;
            Console.Out.Write(parsed.GetValue(_markdown) ? KeyReference.Markdown()
                : isJson ? string.Concat(keys.Select(k => KeyReference.Json(k).ToJsonString(s_readable) + "\n"))
                : KeyReference.Text(keys));
        }
        else if (parsed.GetValue(_init) is { } file)
        {
            NewFile(file, Yaml(parsed));
        }
        else
        {
            Console.Out.Write(isJson ? ConfigWriter.ToJson(_run.Load(parsed)).ToJsonString(s_readable) + "\n"
                : Yaml(parsed));
        }
    }

    /// <summary>Options that each print something else.</summary>
    private void OnlyOne(ParseResult parsed)
    {
        string[] given = [.. new Option[] { _list, _describe,
            _init }.Where(o => parsed.GetResult(o) is { Implicit: false }).Select(o => o.Name)];
        if (given.Length > 1)
        {
            throw new ConfigException(
                $"{string.Join(" and ", given)} are given together, and each prints something else; give one of them");
        }

        if (parsed.GetValue(_markdown) && parsed.GetResult(_describe) is not { Implicit: false })
        {
            throw new ConfigException("--markdown is given without --describe");
        }

        string[] texts = [.. new Option[] { _markdown, _init, _plain,
            _fromVerl }.Where(o => parsed.GetResult(o) is { Implicit: false }).Select(o => o.Name)];
        if (parsed.GetValue(_json) && texts.Length > 0)
        {
            throw new ConfigException($"--json and {texts[0]} are given together, and one of them is text; give one");
        }
    }

    private string Yaml(ParseResult parsed)
    {
        Func<RunConfig, string> write = parsed.GetValue(_plain) ? ConfigWriter.ToYaml : CommentedYaml.Write;
        return parsed.GetValue(_fromVerl) is { } script ? FromVerl(script, parsed, write) : write(_run.Load(parsed));
    }

    private static void NewFile(string file, string text)
    {
        if (File.Exists(file))
        {
            throw new ConfigException($"--init {file}: the file exists; name a new one, or delete it first");
        }

        using (AtomicFile output = new(file))
        {
            output.Stream.Write(Encoding.UTF8.GetBytes(text));
            output.Commit();
        }

        Console.Error.WriteLine($"tbrm-native: wrote {file}; change it, and run: tbrm-native train -c {file}");
    }

    /// <summary>The report as comments above the configuration, so that the output is a file for -c.</summary>
    private string FromVerl(string file, ParseResult parsed, Func<RunConfig, string> write)
    {
        if (_run.Files(parsed).Count > 0)
        {
            throw new ConfigException(
                "-c and --from-verl are both given; keys on the command line go above those of the script");
        }

        VerlImport import = VerlImport.Read(file);
        try
        {
            return import.Report()
                + write(import.Resolve([.. _run.Arguments(parsed).Select(ConfigEntry.FromArgument)]));
        }
        catch (ConfigException)
        {
            // What became of each key is worth reading also where the keys do not fit together.
            Console.Out.Write(import.Report());
            throw;
        }
    }

    private static IEnumerable<(string Use, EmbeddedPreset Preset)> Presets() => EmbeddedPresets.Runs
        .Select(p => ("-c", p)).Concat(EmbeddedPresets.Benchmarks.Select(p => ("eval --preset", p)));
}
