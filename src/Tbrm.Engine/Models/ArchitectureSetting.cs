using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;

namespace Tbrm.Engine.Models;

/// <summary>Something that sets an architecture apart from a plain decoder, as the library's description of it has it
/// (native/src/model/architecture.hpp).</summary>
/// <param name="Name">The library's name.</param>
/// <param name="Value">Reads the value from a config.json, as the library spells it.</param>
internal sealed record ArchitectureSetting(string Name, Func<ConfigJson, string> Value)
{
    /// <summary>The key of config.json that says it; null: the architecture alone does.</summary>
    public string? Key { get; init; }

    /// <summary>A flag that every model of the architecture has.</summary>
    public static ArchitectureSetting On(string name) => Of(name, "1");

    /// <summary>A value that every model of the architecture has.</summary>
    public static ArchitectureSetting Of(string name, string value) => new(name, _ => value);

    /// <summary>A positive number of config.json.</summary>
    /// <param name="name">The library's name.</param>
    /// <param name="key">The key.</param>
    /// <param name="fallback">What transformers takes where the file does not say it.</param>
    /// <param name="turned">The library's number from the file's; null: the same.</param>
    public static ArchitectureSetting Number(string name, string key, double fallback,
        Func<double, double>? turned = null) =>
        new(name, read =>
        {
            double number = read.Double(key, fallback, above: 0);
            return Text((float)(turned is null ? number : turned(number)));
        })
        { Key = key };

    /// <summary>The description that crosses the boundary: "name=value", separated by spaces.</summary>
    public static string Describe(IEnumerable<(string Name, string Value)> settings) =>
        string.Join(' ', settings.Select(s => $"{s.Name}={s.Value}"));

    private static string Text(float value) => value.ToString("R", CultureInfo.InvariantCulture);
}
