using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;

namespace Tbrm.Training.Profiles;

/// <summary>What TBRM saves against one opponent at one size, by plan.</summary>
/// <param name="Shape">The model.</param>
/// <param name="Length">Response tokens.</param>
/// <param name="Batch">Prompts of a step.</param>
/// <param name="Opponent">Against whom.</param>
/// <param name="Tbrm">TBRM's peak, bytes.</param>
/// <param name="Other">The opponent's.</param>
public sealed record MapCell(string Shape, int Length, int Batch, Opponent Opponent, long Tbrm, long Other)
{
    /// <summary>The share that TBRM takes less; negative: more.</summary>
    public double Saves => Measurement.Saving(Tbrm, Other);

    /// <summary>As an object.</summary>
    public JsonObject ToJson() => new()
    {
        ["shape"] = Shape,
        ["length"] = Length,
        ["batch"] = Batch,
        ["opponent"] = Opponent.Name,
        ["tbrm_peak"] = Tbrm,
        ["opponent_peak"] = Other,
        ["saves"] = Saves,
    };
}

/// <summary>The map over length, batch and model size.</summary>
public static class SavingsMap
{
    /// <summary>Published sizes that the map shows when nobody says.</summary>
    public static IReadOnlyList<string> Shapes { get; } = ["Qwen2.5-0.5B", "Qwen2.5-1.5B", "Qwen2.5-7B"];

    /// <summary>Lengths and batches that it shows when nobody says.</summary>
    public static IReadOnlyList<int> Lengths { get; } = [512, 2048, 8192];

    /// <inheritdoc cref="Lengths"/>
    public static IReadOnlyList<int> Batches { get; } = [32, 512];

    /// <summary>Plans every cell.</summary>
    /// <param name="opponents">TBRM first.</param>
    /// <param name="shapes">Models.</param>
    /// <param name="lengths">Response tokens.</param>
    /// <param name="batches">Prompts of a step.</param>
    /// <param name="setting">Makes a setting.</param>
    /// <param name="isCuda">For a GPU.</param>
    public static IReadOnlyList<MapCell> Of(IReadOnlyList<Opponent> opponents, IEnumerable<ProfileShape> shapes,
        IReadOnlyList<int> lengths, IReadOnlyList<int> batches,
        Func<Opponent, ProfileShape, int, int, ProfileSetting> setting, bool isCuda)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        return
        [
            .. from shape in shapes
               from length in lengths
               from batch in batches
               let tbrm = Peak(opponents[0], shape, length, batch)
               from opponent in opponents.Skip(1)
               select new MapCell(shape.Name, length, batch, opponent, tbrm, Peak(opponent, shape, length, batch)),
        ];

        long Peak(Opponent opponent, ProfileShape shape, int length, int batch) =>
            Forecast.Of(setting(opponent, shape, length, batch), isCuda, threads: 1, available: 0).Peak;
    }
}
