using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tbrm.Core.Errors;

namespace Tbrm.Engine.Models;

/// <summary>
/// PEFT's patterns (a regular expression as target_modules, rank_pattern, alpha_pattern) resolved by what the adapter's file holds: the tensors say which projections are
/// adapted and with which rank. One rank and one scale for all of them is what is computed here; a mixture is refused by name.
/// </summary>
internal static class PeftPatterns
{
    private const string A = ".lora_A.weight";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    /// <summary>The adapted modules of a weights file with their ranks; empty when it cannot be read.</summary>
    public static IReadOnlyDictionary<string, long> Modules(string weights) => !File.Exists(weights) ? new Dictionary<string, long>()
        : StoredTensors.Of([weights]).Values.Where(t => t.Name.EndsWith(A, StringComparison.Ordinal) && t.Shape.Count == 2)
            .ToDictionary(t => t.Name[..^A.Length], t => t.Shape[0], StringComparer.Ordinal);

    /// <summary>Names of the adapted projections, the last part of each module.</summary>
    public static IReadOnlyList<string> Projections(IReadOnlyDictionary<string, long> modules) =>
        [.. modules.Keys.Select(m => m[(m.LastIndexOf('.') + 1)..]).Distinct(StringComparer.Ordinal)];

    /// <summary>The one rank of all modules.</summary>
    /// <exception cref="DataException">They differ.</exception>
    public static int Rank(IReadOnlyDictionary<string, long> modules, int fallback, string path)
    {
        if (modules.Count == 0)
        {
            return fallback;
        }

        KeyValuePair<string, long> first = modules.First(), other = modules.FirstOrDefault(m => m.Value != first.Value, first);
        return other.Value == first.Value && first.Value is > 0 and <= int.MaxValue ? (int)first.Value
            : throw new DataException($"{path}: rank_pattern gives {first.Key} rank {first.Value} and {other.Key} rank {other.Value}; one rank for all projections is supported");
    }

    /// <summary>The one alpha of all modules: a pattern's where it matches the end of a module's name, as PEFT matches.</summary>
    /// <exception cref="DataException">They differ, or a pattern is none.</exception>
    public static double Alpha(JsonObject patterns, IReadOnlyDictionary<string, long> modules, double fallback, string path)
    {
        List<(string Module, double Alpha)> all = [.. modules.Keys.Select(m => (m, Alpha(patterns, m, fallback, path)))];
        (string Module, double Alpha) other = all.FirstOrDefault(m => m.Alpha != all[0].Alpha);
        return all.Count == 0 ? throw new DataException($"{path}: alpha_pattern is set, but the adapter's file holds no tensor that it could be for")
            : other.Module is null ? all[0].Alpha
            : throw new DataException($"{path}: alpha_pattern gives {all[0].Module} alpha {all[0].Alpha} and {other.Module} alpha {other.Alpha}; one alpha for all projections is supported");
    }

    private static double Alpha(JsonObject patterns, string module, double fallback, string path)
    {
        foreach ((string pattern, JsonNode? value) in patterns)
        {
            try
            {
                if (Regex.IsMatch(module, $@"^(.*\.)?({pattern})$", RegexOptions.CultureInvariant, s_patience))
                {
                    return value is JsonValue number && number.GetValueKind() == JsonValueKind.Number && number.TryGetValue(out double alpha) && alpha > 0 && double.IsFinite(alpha) ? alpha
                        : throw new DataException($"{path}: alpha_pattern: {pattern} is {ConfigJson.Shown(value)}; expected a positive number");
                }
            }
            catch (Exception e) when (e is ArgumentException or RegexMatchTimeoutException)
            {
                throw new DataException($"{path}: alpha_pattern: '{pattern}' cannot be used as a regular expression: {e.Message}", e);
            }
        }

        return fallback;
    }
}
