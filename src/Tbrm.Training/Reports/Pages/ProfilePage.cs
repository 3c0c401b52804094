using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Tbrm.Engine;
using Tbrm.Training.Profiles;
using Tbrm.Training.Reports.Charts;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Reports.Pages;

/// <summary>The results of <c>tbrm-native profile</c> as one file, which loads nothing.</summary>
public static class ProfilePage
{
    private const double Mega = 1e6;

    /// <summary>Replaces the file in one step.</summary>
    public static void Write(string path, MemoryProfile profile) => RunFolder.WriteText(path, ToHtml(profile));

    /// <inheritdoc cref="Write(string, MemoryProfile)"/>
    public static void Write(string path, IReadOnlyList<TimeProfile> profiles) =>
        RunFolder.WriteText(path, ToHtml(profiles));

    /// <inheritdoc cref="Write(string, MemoryProfile)"/>
    public static void Write(string path, IReadOnlyList<MapCell> cells) => RunFolder.WriteText(path, Page("profile map",
        "What TBRM saves", "Planned for a GPU; nothing is measured.", [Section(ProfileTable.Map(cells), "")]));

    internal static string ToHtml(MemoryProfile profile)
    {
        List<string> sections = [];
        int id = 0;
        foreach (IReadOnlyList<Measurement> size in profile.Sizes)
        {
            double high = size.Max(m => m.Peak) / Mega;
            string[] charts = [.. size.Where(m => m.Step is not null).Select(m =>
                Timeline(m).ToHtml(string.Create(CultureInfo.InvariantCulture, $"m{id++}"), high))];
            sections.Add(Section(ProfileTable.Peaks(size), string.Join('\n', charts)));
            sections.AddRange(size.Select(m => Section(ProfileTable.Phases(m), "")));
        }

        if (profile.Map.Count > 0)
        {
            sections.Add(Section(ProfileTable.Map(profile.Map), ""));
        }

        return Page("profile memory", $"Memory of a step: {profile.Shape}", profile.About, sections);
    }

    internal static string ToHtml(IReadOnlyList<TimeProfile> profiles) => Page("profile time",
        $"Time of a step: {profiles[0].Shape}", profiles[0].About, [.. profiles.Select(p => Section(p.Table(), ""))]);

    /// <summary>Each phase from what it found over its peak to what it left; phases are as wide as they took
    /// time.</summary>
    private static StackChart Timeline(Measurement of)
    {
        List<(double Time, IReadOnlyDictionary<string, long> Bytes)> moments = [];
        foreach (PhaseRecord phase in of.Step!.Phases)
        {
            moments.Add((phase.Start, phase.Before));
            // The peak is somewhere within; what is allocated for a phase is there for most of it.
            moments.Add((phase.Start + phase.Seconds * 0.02, phase.Peak));
            moments.Add((phase.Start + phase.Seconds * 0.98, phase.Peak));
            moments.Add((phase.Start + phase.Seconds, phase.After));
        }

        string[] names = [.. MemoryComponent.All.Where(c => moments.Any(m => m.Bytes.ContainsKey(c)))];
        string order = string.Join(", ", of.Step.Phases.Where(p => p.Name != PhaseRecord.Between)
            .Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Name} {p.Start:0.##}")));
        return new(of.Opponent.Label, "MB over the seconds of one step; phases begin at: " + order,
            [.. names.Select(n => (n, (IReadOnlyList<double>)[.. moments.Select(m =>
                m.Bytes.GetValueOrDefault(n) / Mega)]))], [.. moments.Select(m => m.Time)], "MB");
    }

    private static string Page(string verb, string title, string about, IReadOnlyList<string> sections)
    {
        StringBuilder html = new();
        PageShell.Open(html, title);
        PageShell.Header(html, "tbrm-native " + verb, title, about);
        html.Append("<main>\n").AppendJoin('\n', sections).Append("</main>\n<footer>Written by tbrm-native ")
            .Append(HtmlText.Escape(ProgramVersion.Text)).Append('.');
        PageShell.Close(html);
        return html.ToString();
    }

    private static string Section(ProfileTable table, string charts)
    {
        StringBuilder html = new();
        html.Append("<section><h2>").Append(HtmlText.Escape(table.Title)).Append("</h2>\n<p class=\"lead\">")
            .Append(HtmlText.Escape(table.Lead)).Append("</p>\n");
        if (charts.Length > 0)
        {
            html.Append("<div class=\"charts\">\n").Append(charts).Append("\n</div>\n");
        }

        PageTable.Append(html, table.Columns, table.Rows);
        return html.Append("</section>\n").ToString();
    }
}
