using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Tbrm.Core.Errors;
using Tbrm.Objectives;

namespace Tbrm.Training.Profiles;

/// <summary>How an opponent differs from its algorithm in what is in memory.</summary>
public enum OpponentForm
{
    /// <summary>As the engine runs it.</summary>
    Plain,

    /// <summary>Offline, from trajectories that bring the reference's numbers: no rollout and no reference
    /// model.</summary>
    KnownReference,

    /// <summary>The critic with its training state is in host memory but while it computes: predicted only.</summary>
    OffloadedCritic,
}

/// <summary>What is compared.</summary>
/// <param name="Name">As <c>--vs</c> takes it.</param>
/// <param name="Label">For people.</param>
/// <param name="Algorithm">algorithm.name.</param>
/// <param name="Samples">rollout.n.</param>
/// <param name="Form">What is in memory.</param>
/// <param name="Keys">Further configuration, key=value.</param>
public sealed record Opponent(string Name, string Label, string Algorithm, int Samples, OpponentForm Form,
    IReadOnlyList<string> Keys)
{
    private static readonly (Opponent Opponent, bool IsDefault)[] s_rows = [.. Rows()];

    /// <summary>Named variants; every algorithm by its own name, and with -nN with N responses to a prompt, comes on
    /// top.</summary>
    public static IReadOnlyList<Opponent> Named { get; } = [.. s_rows.Select(r => r.Opponent)];

    /// <summary>The learner that all others are measured against.</summary>
    public static Opponent Tbrm => Named[0];

    /// <summary>What is compared when nobody says.</summary>
    public static IReadOnlyList<string> Default { get; } =
        [.. s_rows.Where(r => r.IsDefault).Select(r => r.Opponent.Name)];

    /// <summary>Whether the engine runs it, so that it can be measured.</summary>
    public bool IsMeasured => Form is OpponentForm.Plain or OpponentForm.KnownReference;

    /// <summary>The opponents of a list, TBRM first, each once.</summary>
    /// <exception cref="ConfigException">There is no such opponent.</exception>
    public static IReadOnlyList<Opponent> Parse(IEnumerable<string> names)
    {
        List<Opponent> all = [Tbrm];
        foreach (string name in names.SelectMany(n =>
            n.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)))
        {
            Opponent found = Find(name);
            if (!all.Contains(found))
            {
                all.Add(found);
            }
        }

        return all;
    }

    private static Opponent Find(string name)
    {
        if (Named.FirstOrDefault(o => o.Name == name) is { } named)
        {
            return named;
        }

        int dash = name.LastIndexOf("-n", StringComparison.Ordinal);
        bool hasSamples = dash > 0
            && int.TryParse(name.AsSpan(dash + 2), NumberStyles.None, CultureInfo.InvariantCulture, out _);
        string algorithm = hasSamples ? name[..dash] : name;
        if (!AlgorithmTable.Entries.Any(e => e.Name == algorithm || e.Aliases.Contains(algorithm)))
        {
            IEnumerable<string> known = Named.Select(o => o.Name).Concat(AlgorithmTable.Names).Distinct();
            throw new ConfigException(
                $"--vs {name}: there is no such opponent{NearestName.Hint(name, known)} "
                + $"(all: {string.Join(", ", known)}; -nN behind an algorithm: N responses to a prompt)");
        }

        int samples = hasSamples ? int.Parse(name.AsSpan(dash + 2), CultureInfo.InvariantCulture) : 1;
        return samples is < 1 or > 65536 ? throw new ConfigException($"--vs {name}: 1 to 65536 responses were expected")
            : new(name, name, algorithm, samples, OpponentForm.Plain, []);
    }

    /// <summary>The lines of opponents.txt.</summary>
    private static IEnumerable<(Opponent Opponent, bool IsDefault)> Rows()
    {
        using Stream stream = typeof(Opponent).Assembly.GetManifestResourceStream("profiles/opponents")!;
        using StreamReader reader = new(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#') || line.Length == 0)
            {
                continue;
            }

            string[] cells = line.Split(';', StringSplitOptions.TrimEntries);
            string[] keys = cells[6].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            yield return (new(cells[0], cells[1], cells[2], int.Parse(cells[3], CultureInfo.InvariantCulture),
                Enum.Parse<OpponentForm>(cells[4]), keys), cells[5] == "yes");
        }
    }
}
