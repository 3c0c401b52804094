using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Tbrm.Engine;

namespace Tbrm.Training.Profiles;

/// <summary>A table of a profile, for a terminal and for a page.</summary>
/// <param name="Title">Above it.</param>
/// <param name="Lead">What its numbers are.</param>
/// <param name="Columns">Heads; the first is text.</param>
/// <param name="Rows">Cells.</param>
public sealed record ProfileTable(string Title, string Lead, IReadOnlyList<string> Columns,
    IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>Peaks of one size, an opponent a row.</summary>
    public static ProfileTable Peaks(IReadOnlyList<Measurement> size)
    {
        ArgumentNullException.ThrowIfNull(size);
        Measurement tbrm = size[0];
        return new(Size(tbrm),
            "Peak, MB. Counter: what the engine allocates; system: resident memory above what the process held before "
            + "there was a model, on a GPU what the driver says is used. TBRM saves: its peak against the opponent's.",
            ["", "counter", "planned", "off by", "system", "without KV", "largest in", "TBRM saves", "without KV"],
            [.. size.Select(m => (IReadOnlyList<string>)[
                m.Opponent.Label + (m.Step is null ? " (planned only)" : ""),
                m.Step is null ? "" : Megabytes(m.Step.Peak), Megabytes(m.Plan.Peak),
                m.Error is { } error ? Percent(error) : "", m.Step is null ? "" : Megabytes(m.Step.Outside),
                Megabytes(m.PeakWithoutKv), m.Step?.Largest.Name ?? m.Plan.Largest,
                ReferenceEquals(m, tbrm) ? "" : Percent(Measurement.Saving(tbrm.Peak, m.Peak)),
                ReferenceEquals(m, tbrm) ? "" : Percent(Measurement.Saving(tbrm.PeakWithoutKv, m.PeakWithoutKv))])]);
    }

    /// <summary>One opponent's phases by component: measured, and in brackets planned.</summary>
    public static ProfileTable Phases(Measurement of)
    {
        ArgumentNullException.ThrowIfNull(of);
        string[] phases = [.. PhaseRecord.Order.Where(p => of.Plan.Phases.ContainsKey(p)
            || of.Step?.Phases.Any(r => r.Name == p && r.Total > 0) == true)];
        List<IReadOnlyList<string>> rows = [];
        foreach (string component in MemoryComponent.All)
        {
            string[] cells = [.. phases.Select(p => Cell(of, p, b => b.GetValueOrDefault(component)))];
            if (cells.Any(c => c.Length > 0))
            {
                rows.Add([component, .. cells]);
            }
        }

        rows.Add(["in all", .. phases.Select(p => Cell(of, p, b => b.Values.Sum()))]);
        if (of.Step is { } step)
        {
            rows.Add(["system", .. phases.Select(p => step.Phases.Where(r => r.Name == p)
                .Select(r => Megabytes(r.Outside - step.OutsideBefore)).FirstOrDefault() ?? "")]);
        }

        return new($"{of.Opponent.Label}, {Size(of)}",
            of.Step is null ? "MB at the peak of each phase, as planned."
                : "MB at the peak of each phase, measured (planned).",
            ["", .. phases], rows);
    }

    /// <summary>What TBRM saves elsewhere.</summary>
    public static ProfileTable Map(IReadOnlyList<MapCell> cells)
    {
        ArgumentNullException.ThrowIfNull(cells);
        Opponent[] opponents = [.. cells.Select(c => c.Opponent).Distinct()];
        return new("What TBRM saves, by plan",
            "TBRM's peak in GB, and what it takes less than each opponent; negative: more.",
            ["model, response tokens x prompts", "TBRM", .. opponents.Select(o => o.Name)],
            [.. cells.GroupBy(c => (c.Shape, c.Length, c.Batch)).Select(g => (IReadOnlyList<string>)[
                string.Create(CultureInfo.InvariantCulture, $"{g.Key.Shape}, {g.Key.Length} x {g.Key.Batch}"),
                (g.First().Tbrm / 1e9).ToString("0.00", CultureInfo.InvariantCulture),
                .. opponents.Select(o => Percent(g.First(c => c.Opponent == o).Saves))])]);
    }

    /// <summary>-3.1 %.</summary>
    internal static string Percent(double share) => (share * 100).ToString("0.0", CultureInfo.InvariantCulture) + " %";

    internal static string Megabytes(double bytes) => (bytes / 1e6).ToString(bytes < 1e8 ? "0.00" : "0.0",
        CultureInfo.InvariantCulture);

    private static string Size(Measurement m) => string.Create(CultureInfo.InvariantCulture,
        $"{m.Batch} prompts, {m.Length} response tokens");

    private static string Cell(Measurement of, string phase, Func<IReadOnlyDictionary<string, long>, long> bytes)
    {
        long? planned = of.Plan.Phases.TryGetValue(phase, out IReadOnlyDictionary<string, long>? plan) ? bytes(plan)
            : null;
        PhaseRecord? record = of.Step?.Phases.Where(r => r.Name == phase).MaxBy(r => r.Total);
        long? measured = record is null ? null : bytes(record.Peak);
        return (measured ?? 0) == 0 && (planned ?? 0) == 0 ? ""
            : measured is null ? Megabytes(planned!.Value)
            : planned is null ? Megabytes(measured.Value)
            : $"{Megabytes(measured.Value)} ({Megabytes(planned.Value)})";
    }
}
