using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Verify.Graders;
using Tbrm.Verify.Shaping;

namespace Tbrm.Verify;

/// <summary>The graders by name. A registry is filled once and then only read, from any thread.</summary>
public sealed class GraderRegistry
{
    private readonly SortedDictionary<string, Func<JsonObject?, IGrader>> _factories = new(StringComparer.Ordinal)
    {
        ["math_verify"] = options => new MathVerifyGrader(options),
        ["gsm8k"] = options => new Gsm8kGrader(options),
        ["math_dapo"] = options => new MathDapoGrader(options),
        ["math_boxed"] = options => new MathBoxedGrader(options),
        ["command"] = options => new CommandGrader(options),
        ["assembly"] = AssemblyGrader.Load,
    };

    private static readonly string[] s_options =
    [
        "profile", "hardened", "boxed_match_priority", "float_rounding", "numeric_precision", "strict",
            "allow_set_relation_comp", "extract",
        "answer_tags", "max_steps", "method", "exact", "score", "format_score", "strict_box_verify", "map", "default",
            "shaping",
    ];

    /// <summary>The built-in graders.</summary>
    public GraderRegistry() => _factories["data_source"] = options => new DataSourceGrader(this, options);

    /// <summary>The names, sorted.</summary>
    public IReadOnlyCollection<string> Names => _factories.Keys;

    /// <summary>Adds a grader under a name, or replaces the one that has it.</summary>
    public void Register(string name, Func<JsonObject?, IGrader> factory) => _factories[name] = factory;

    /// <summary>Refuses options that no built-in grader has, unless one of the graders is a program or class of the
    /// user's, whose options are its own.</summary>
    /// <exception cref="ConfigException">An option is unknown; the message names the nearest.</exception>
    public static void CheckOptions(IEnumerable<string> graders, JsonObject options)
    {
        IEnumerable<string> used =
            graders.Concat((options["map"] as JsonObject ?? []).Select(entry => entry.Value?.ToString() ?? ""));
        if (used.Any(name => name is "command" or "assembly"))
        {
            return;
        }

        foreach (string name in options.Select(option => option.Key)
            .Where(name => !s_options.Contains(name, StringComparer.Ordinal)))
        {
            throw new ConfigException($"no grader has an option '{name}'{NearestName.Hint(name, s_options)}");
        }
    }

    /// <summary>A grader with these options; the option <c>shaping</c> adds shaping terms to its score.</summary>
    /// <exception cref="ConfigException">There is no such grader, or it has no such option value.</exception>
    public IGrader Create(string name, JsonObject? options = null)
    {
        IGrader grader = _factories.TryGetValue(name, out Func<JsonObject?, IGrader>? factory)
            ? factory(WithTags(WithoutShaping(options)))
            : throw new ConfigException(
                $"there is no grader '{name}'{NearestName.Hint(name, Names)} (all: {string.Join(", ", Names)})");
        if (options?["shaping"] is not { } shaping)
        {
            return grader;
        }

        IShapingTerm[] terms = ShapedGrader.ReadTerms(shaping);
        return new ShapedGrader(grader, terms);
    }

    /// <summary>
    /// As <see cref="Create"/>, with <c>hardened</c> and <c>answer_tags</c> on unless the options say otherwise: a
    /// policy finds every false accept, and
    /// answers in tags are what many prompts ask for.
    /// </summary>
    public IGrader CreateForTraining(string name, JsonObject? options = null)
    {
        JsonObject hardened = options is null ? [] : (JsonObject)options.DeepClone();
        hardened.TryAdd("hardened", true);
        hardened.TryAdd("answer_tags", true);
        return Create(name, hardened);
    }

    /// <summary>A hardened grader is training's, which reads answers in tags.</summary>
    private static JsonObject? WithTags(JsonObject? options)
    {
        if (options?["hardened"] is JsonValue value && value.TryGetValue(out bool hardened) && hardened)
        {
            options.TryAdd("answer_tags", true);
        }

        return options;
    }

    private static JsonObject? WithoutShaping(JsonObject? options)
    {
        JsonObject? rest = (JsonObject?)options?.DeepClone();
        rest?.Remove("shaping");
        return rest;
    }
}
