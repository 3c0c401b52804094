using System.Linq;
using System.Text.RegularExpressions;

namespace Tbrm.Core.Prompts;

/// <summary>The benchmarks that names of files, folders and data sources speak of, however they are written
/// (<c>HuggingFaceH4/aime_2024</c>, <c>AIME24</c>).</summary>
public static partial class BenchmarkNames
{
    private static readonly (Regex Pattern, string DataSource)[] s_known =
    [
        (Minerva(), "minerva_math"), (Olympiad(), "olympiadbench"), (Gsm8k(), "gsm8k"), (Dapo(), "math_dapo"),
        (Aime24(), "aime24"), (Aime25(), "aime25"), (Aime(), "aime"), (Amc23(), "amc23"), (Amc(), "amc"),
            (Math500(), "math500"),
    ];

    /// <summary>The data source that a name stands for; null when it names none of the benchmarks.</summary>
    public static string? Find(string name) => s_known.FirstOrDefault(entry => entry.Pattern.IsMatch(name)).DataSource;

    // Letters before or behind make another word: "aimed", "damco".
    [GeneratedRegex("(?<![a-z])minerva(?![a-z])", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Minerva();

    [GeneratedRegex("(?<![a-z])olympiad[-_ ]?bench", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Olympiad();

    [GeneratedRegex("(?<![a-z])gsm[-_ ]?8k", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Gsm8k();

    [GeneratedRegex("(?<![a-z])dapo(?![a-z])", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Dapo();

    [GeneratedRegex("(?<![a-z])aime[^a-z0-9]*(20)?24(?![0-9])",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Aime24();

    [GeneratedRegex("(?<![a-z])aime[^a-z0-9]*(20)?25(?![0-9])",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Aime25();

    [GeneratedRegex("(?<![a-z])aime(?![a-z])", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Aime();

    [GeneratedRegex("(?<![a-z])amc[^a-z0-9]*(20)?23(?![0-9])", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Amc23();

    [GeneratedRegex("(?<![a-z])amc(?![a-z])", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Amc();

    [GeneratedRegex("(?<![a-z])math[-_ ]?500(?![0-9])", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Math500();
}
