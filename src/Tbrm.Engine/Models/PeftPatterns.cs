using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tbrm.Core.Errors;

namespace Tbrm.Engine.Models;

/// <summary>
/// PEFT's patterns (a regular expression as target_modules, rank_pattern, alpha_pattern) resolved by what the adapter's
/// file holds: the tensors say which projections are
/// adapted and with which rank; alpha is a pattern's where it matches the end of a module's name, as PEFT matches.
/// </summary>
internal static partial class PeftPatterns
{
    private const string A = ".lora_A.weight", Prefix = "base_model.model.";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    /// <summary>The adapted modules of a weights file ("model.layers.0.self_attn.q_proj") with their ranks, in the
    /// order of layers; empty when there is no such file.</summary>
    public static IReadOnlyList<(string Name, long Rank)> Modules(string weights) => !File.Exists(weights) ? []
        : [.. StoredTensors.Of([weights]).Values.Where(t => t.Name.EndsWith(A, StringComparison.Ordinal)
            && t.Shape.Count == 2)
            .Select(t => (t.Name[(t.Name.StartsWith(Prefix, StringComparison.Ordinal) ? Prefix.Length : 0)..^A.Length],
                t.Shape[0]))];

    /// <summary>The modules with their alpha.</summary>
    /// <param name="modules">Of <see cref="Modules"/>.</param>
    /// <param name="patterns">alpha_pattern; null for none.</param>
    /// <param name="alpha">lora_alpha, of what no pattern matches.</param>
    /// <param name="path">The configuration, for messages.</param>
    /// <exception cref="DataException">A module is no projection of a layer, a rank is none, or a pattern is
    /// none.</exception>
    public static IReadOnlyList<AdapterModule> Resolve(IReadOnlyList<(string Name, long Rank)> modules,
        JsonObject? patterns, double alpha, string path) =>
        [.. modules.Select(m =>
            Module(m.Name, m.Rank, patterns is null ? alpha : Alpha(patterns, m.Name, alpha, path), path))
            .OrderBy(m => m.Layer).ThenBy(m => m.Target)];

    /// <summary>What rank_pattern and alpha_pattern name a module by.</summary>
    public static string Key(AdapterModule module)
    {
        string name = AdapterOptions.NameOf(module.Target);
        bool isAttention = module.Target <= AdapterTargets.OProj;
        return string.Create(CultureInfo.InvariantCulture,
            $"layers.{module.Layer}.{(isAttention ? "self_attn" : "mlp")}.{name}");
    }

    private static AdapterModule Module(string name, long rank, double alpha, string path)
    {
        Match match = LayerModule().Match(name);
        AdapterTargets target = match.Success ? AdapterOptions.ParseTargets([match.Groups["name"].Value], out _) : 0;
        return target != 0
            && int.TryParse(match.Groups["layer"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture,
            out int layer) && rank is > 0 and <= int.MaxValue
            ? new(layer, target, (int)rank, alpha)
            : throw new DataException(
                $"{path}: the adapter's file has {name} with rank {rank}; expected {AdapterOptions.KnownTargets} of a "
                    + $"layer, rank 1 or more");
    }

    private static double Alpha(JsonObject patterns, string module, double fallback, string path)
    {
        foreach ((string pattern, JsonNode? value) in patterns)
        {
            try
            {
                if (Regex.IsMatch(module, $@"^(.*\.)?({pattern})$", RegexOptions.CultureInvariant, s_patience))
                {
                    return value is JsonValue number && number.GetValueKind() == JsonValueKind.Number
                        && number.TryGetValue(out double alpha) && alpha > 0 && double.IsFinite(alpha) ? alpha
                        : throw new DataException(
                            $"{path}: alpha_pattern: {pattern} is {ConfigJson.Shown(value)}; expected a positive "
                                + $"number");
                }
            }
            catch (Exception e) when (e is ArgumentException or RegexMatchTimeoutException)
            {
                throw new DataException(
                    $"{path}: alpha_pattern: '{pattern}' cannot be used as a regular expression: {e.Message}", e);
            }
        }

        return fallback;
    }

    [GeneratedRegex(@"^model\.layers\.(?<layer>[0-9]+)\.(self_attn|mlp)\.(?<name>[a-z]+_proj)$",
        RegexOptions.ExplicitCapture)]
    private static partial Regex LayerModule();
}
