using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Errors;

namespace Tbrm.Cli.Comparing;

/// <summary>The declared grid of a comparison: values of keys, for all arms or for one. Every arm gets the same number
/// of
/// trials of it.</summary>
internal sealed class TuningGrid
{
    private readonly List<(string? Arm, string Key, string[] Values)> _axes = [];

    /// <param name="declared">[ARM:] key=v1,v2 [key=v1,v2 ...]</param>
    /// <param name="arms">Names of the arms.</param>
    /// <exception cref="ConfigException">An axis has no values, or is of an arm that is not there.</exception>
    public TuningGrid(IReadOnlyList<string> declared, IReadOnlyCollection<string> arms)
    {
        foreach (string text in declared)
        {
            int colon = text.IndexOf(": ", StringComparison.Ordinal);
            string? arm = colon > 0 && !text[..colon].Contains('=', StringComparison.Ordinal) ? text[..colon] : null;
            if (arm is not null && !arms.Contains(arm))
            {
                throw new ConfigException($"--grid '{text}': there is no arm {arm}{NearestName.Hint(arm, arms)}");
            }

            foreach (string axis in text[(arm is null ? 0 : colon + 1)..]
                .Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                string[] parts = axis.Split('=', 2);
                string[] values = parts.Length < 2 ? []
                    : parts[1].Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
                _axes.Add(values.Length > 0 ? (arm, parts[0], values)
                    : throw new ConfigException($"--grid '{axis}': expected key=value,value,..."));
            }
        }
    }

    /// <summary>Whether anything is tuned.</summary>
    public bool IsEmpty => _axes.Count == 0;

    /// <summary>The trials of an arm: all points of its grid, or so many of them, the same ones every time.</summary>
    /// <param name="arm">The arm's name.</param>
    /// <param name="trials">How many; null: all points.</param>
    /// <exception cref="ConfigException">The grid has fewer points.</exception>
    public IReadOnlyList<IReadOnlyList<string>> Trials(string arm, int? trials)
    {
        List<string[]> points = [[]];
        foreach ((string? of, string key, string[] values) in _axes.Where(a => a.Arm is null || a.Arm == arm))
        {
            _ = of;
            points = [.. points.SelectMany(p => values.Select(v => (string[])[.. p, $"{key}={v}"]))];
        }

        int wanted = trials ?? points.Count;
        if (wanted > points.Count)
        {
            throw new ConfigException(
                $"--trials {wanted}: the grid of {arm} has {points.Count} points; declare more values with "
                + $"--grid \"{arm}: key=value,...\"");
        }

        // A sample of a larger grid, by a generator of its own: every axis varies.
        int[] order = [.. Enumerable.Range(0, points.Count)];
        new Random(points.Count).Shuffle(order);
        return [.. order.Take(wanted).Order().Select(i => points[i])];
    }
}
