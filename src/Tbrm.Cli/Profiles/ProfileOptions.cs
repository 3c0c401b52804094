using System;
using System.Collections.Generic;
using System.CommandLine;
using System.CommandLine.Completions;
using System.Globalization;
using System.IO;
using System.Linq;
using Tbrm.Core.Errors;
using Tbrm.Training.Config;
using Tbrm.Training.Profiles;
using Tbrm.Training.Sessions;

namespace Tbrm.Cli.Profiles;

/// <summary>What the verbs under <c>profile</c> take.</summary>
internal sealed class ProfileOptions
{
    private readonly RunOptions _run = new();

    private readonly Option<string[]> _vs = new("--vs")
    {
        Description = "Whom TBRM is compared with: algorithms (ppo, grpo-n4, rloo, ...) or "
            + string.Join(", ", Opponent.Named.Skip(1).Select(o => o.Name)),
        HelpName = "LIST",
    };

    private readonly Option<string[]> _lengths = new("--lengths")
    {
        Description = "Response tokens, every one of them as long: 512,2048",
        HelpName = "LIST",
    };

    private readonly Option<string[]> _batch = new("--batch")
    {
        Description = "Prompts of a step: 8,64",
        HelpName = "LIST",
    };

    private readonly Option<string[]> _shape = new("--shape")
    {
        Description = "A published model's shape (qwen2.5-0.5b), or small; model.path=FOLDER takes a folder's",
        HelpName = "NAME",
    };

    private readonly Option<bool> _json = new("--json") { Description = "Prints one JSON object instead of text" };

    private readonly Option<string?> _html =
        new("--html") { Description = "Writes a page too, in one file", HelpName = "FILE" };

    public void AddTo(Command command)
    {
        _vs.CompletionSources.Add(_ => Opponent.Named.Skip(1).Select(o => new CompletionItem(o.Name)));
        _shape.CompletionSources.Add(_ => ProfileShape.Names.Select(n => new CompletionItem(n)));
        foreach (Option option in new Option[] { _vs, _shape, _lengths, _batch, _json, _html })
        {
            command.Options.Add(option);
        }

        command.Options.Add(_run.Config);
        command.Arguments.Add(_run.Overrides);
        _run.Config.CompletionSources.Add(_ => ConfigLoader.Presets.Select(p => new CompletionItem(p)));
        _run.Overrides.CompletionSources.Add(context => Completion.KeyCompletion.Of(context.WordToComplete)
            .Select(c => new CompletionItem(c)));
    }

    public bool IsJson(ParseResult parsed) => parsed.GetValue(_json);

    /// <summary>Where the page goes; null: nowhere.</summary>
    public string? Page(ParseResult parsed) => parsed.GetValue(_html) is not { } path ? null
        : Directory.Exists(path) ? throw new ConfigException($"--html {path} is a folder; name a file")
        : Path.GetFullPath(path);

    public IReadOnlyList<Opponent> Opponents(ParseResult parsed) =>
        Opponent.Parse(parsed.GetValue(_vs) is { Length: > 0 } vs ? vs : Opponent.Default);

    public IReadOnlyList<int> Lengths(ParseResult parsed, IReadOnlyList<int> otherwise) =>
        Numbers(parsed.GetValue(_lengths), "--lengths", otherwise);

    public IReadOnlyList<int> Batches(ParseResult parsed, IReadOnlyList<int> otherwise) =>
        Numbers(parsed.GetValue(_batch), "--batch", otherwise);

    /// <summary>The one shape of a measurement.</summary>
    public ProfileShape Shape(ParseResult parsed)
    {
        string[] names = Split(parsed.GetValue(_shape));
        return names.Length > 1
            ? throw new ConfigException("--shape: one shape was expected; profile map takes several")
            : ProfileShape.Find(names.FirstOrDefault(), ModelPath(parsed, names));
    }

    /// <summary>The shapes of a map.</summary>
    public IReadOnlyList<ProfileShape> Shapes(ParseResult parsed)
    {
        string[] names = Split(parsed.GetValue(_shape));
        string folder = ModelPath(parsed, names);
        return folder.Length > 0 ? [ProfileShape.Find(names.FirstOrDefault(), folder)]
            : [.. (names.Length > 0 ? names : SavingsMap.Shapes).Select(n => ProfileShape.Find(n, ""))];
    }

    public ProfileSetting Setting(ParseResult parsed, Opponent opponent, ProfileShape shape, int length, int batch) =>
        ProfileSetting.Of(opponent, shape, length, batch, _run.Files(parsed), parsed.GetValue(_run.Overrides) ?? []);

    /// <summary>model.path of the command line or, where no shape is named, of the files.</summary>
    private string ModelPath(ParseResult parsed, string[] shapes)
    {
        string[] arguments = parsed.GetValue(_run.Overrides) ?? [];
        string folder = RunModels.PathIn(shapes.Length > 0 ? [] : _run.Files(parsed), arguments);
        // Of an adapter's run the base: its shape is the model's.
        TrainedRun? run = folder.Length == 0 ? null
            : TrainedRun.Find(folder, null, text => Console.Error.WriteLine($"tbrm-native: {text}"));
        return run is null ? folder : ConfigLoader.Value([], run.Arguments([]), "model.path");
    }

    private static string[] Split(string[]? lists) => [.. (lists ?? []).SelectMany(l =>
        l.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];

    private static IReadOnlyList<int> Numbers(string[]? lists, string option, IReadOnlyList<int> otherwise)
    {
        string[] words = Split(lists);
        return words.Length == 0 ? otherwise : [.. words.Select(w =>
            int.TryParse(w, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0 ? number
                : throw new ConfigException($"{option} {w}: a whole number from 1 to 1000000 was expected"))];
    }
}
