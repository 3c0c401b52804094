using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;

namespace Tbrm.Training.Runs;

/// <summary>
/// What decides the bits of a run besides its configuration: the instruction set or GPU, how many ranks, and the build.
/// Products and sums of gradients round
/// in another order on
/// another one, so a run that changes it on the way is no longer bitwise the run that did not.
/// </summary>
/// <param name="Phase">The verb, or warm_start.</param>
/// <param name="AfterStep">The last step of that phase that was made before.</param>
/// <param name="Device">Device and instruction set, or name of the GPU and its compute capability.</param>
/// <param name="Version">Version and commit of the program.</param>
public sealed record ComputedOn(string Phase, long AfterStep, string Device, string Version)
{
    private static readonly string[] s_deciding = ["device", "libtorch", "isa", "name", "compute_capability"];

    /// <summary>This process, from a step on.</summary>
    /// <param name="phase">The verb, or warm_start.</param>
    /// <param name="afterStep">The step that it goes on from.</param>
    /// <param name="description">The device's own, one JSON object.</param>
    /// <param name="ranks">How many devices share a step.</param>
    /// <param name="zeroStage">What of the model they share: with 2 gradients are added up by micro-batch.</param>
    public static ComputedOn Now(string phase, long afterStep, string description, int ranks = 1, int zeroStage = 0)
    {
        JsonObject device = (JsonObject)JsonNode.Parse(description)!;
        IEnumerable<string> parts = s_deciding.Select(key => device[key]?.ToString()).OfType<string>();
        string each = string.Join(' ', parts);
        string shared = zeroStage > 1 ? " that share gradients" : "";
        return new(phase, afterStep, ranks > 1 ? $"{ranks} ranks of {each}{shared}" : each, ProgramVersion.Text);
    }

    /// <summary>The history of a run with this process added where it computes otherwise than the one before.</summary>
    /// <param name="before">The checkpoint's history; empty for a run that begins, or one that older versions
    /// wrote.</param>
    /// <param name="now">This process.</param>
    public static IReadOnlyList<ComputedOn> Continued(IReadOnlyList<ComputedOn> before, ComputedOn now) =>
        before.Count > 0 && before[^1].Device == now.Device && before[^1].Version == now.Version ? before
            : [.. before, now];

    /// <summary>What a resume changes; null when nothing that decides bits.</summary>
    public static string? Change(IReadOnlyList<ComputedOn> before, ComputedOn now) => before.Count == 0 ? null
        : before[^1].Device != now.Device
            ? $"the run went up to here on {before[^1].Device} and goes on with {now.Device}, another instruction set, "
                + $"device, number of ranks or sharing of gradients: from here on its numbers differ in their last "
                + $"bits from those of a run "
                + $"that did not change. "
                + "It is recorded in the checkpoints and in summary.json (computed_on)"
        : before[^1].Version != now.Version
            ? $"the run went up to here with version {before[^1].Version} and goes on with {now.Version}: its numbers "
                + $"may differ in their last bits from those of a run that did not change. It is recorded in "
                + $"computed_on"
        : null;

    /// <summary>One object of the list computed_on.</summary>
    public JsonObject ToJson() =>
        new() { ["phase"] = Phase, ["after_step"] = AfterStep, ["device"] = Device, ["version"] = Version };

    /// <summary>Reads the list back; null is an empty one.</summary>
    /// <exception cref="FormatException">An entry has no text where one belongs.</exception>
    public static IReadOnlyList<ComputedOn> FromJson(JsonNode? list) =>
        [.. (list as JsonArray ?? []).Select(entry => new ComputedOn(
        Text(entry, "phase"), (long?)entry!["after_step"] ?? 0, Text(entry, "device"), Text(entry, "version")))];

    private static string Text(JsonNode? entry, string key) => (string?)(entry as JsonObject)?[key]
        ?? throw new FormatException($"an entry of computed_on has no {key}");
}
