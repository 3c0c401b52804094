using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Tbrm.Core.Errors;

namespace Tbrm.Cli.Comparing;

/// <summary>Seeds as an option gives them: 1,2,3 or 1-5.</summary>
internal static class SeedList
{
    private const int MostSeeds = 1000;

    /// <summary>In the order given.</summary>
    /// <param name="option">Its name, for messages.</param>
    /// <param name="text">What it was given.</param>
    /// <exception cref="ConfigException">It is no such list, or names a seed twice.</exception>
    public static IReadOnlyList<long> Of(string option, string text)
    {
        List<long> seeds = [];
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            string[] ends = part.Split('-', 2);
            if (!Parse(ends[0], out long first) || !Parse(ends[^1], out long last) || last < first
                || last - first >= MostSeeds)
            {
                throw new ConfigException($"{option} '{text}': expected seeds such as 1,2,3 or 1-5");
            }

            for (long seed = first; seed <= last; seed++)
            {
                seeds.Add(seed);
            }
        }

        return seeds.Distinct().Count() == seeds.Count ? seeds
            : throw new ConfigException($"{option} '{text}' names a seed twice");
    }

    private static bool Parse(string text, out long seed) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out seed);
}
