using System;
using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Tbrm.Training.Profiles;

/// <summary>What the machine gives, measured beside the steps.</summary>
/// <param name="Bytes">Bytes of main memory that one thread copies in a second, reads and writes together.</param>
public sealed record MachineRates(double Bytes)
{
    /// <summary>The best of a few copies that fit no cache.</summary>
    public static MachineRates Measure()
    {
        const int size = 64 << 20, repeats = 4;
        byte[] from = new byte[size], to = new byte[size];
        Array.Fill(from, (byte)1);
        double best = double.PositiveInfinity;
        for (int i = 0; i < repeats; i++)
        {
            long start = Stopwatch.GetTimestamp();
            from.AsSpan().CopyTo(to);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return new(2.0 * size / best);
    }

    /// <summary>As an object.</summary>
    public JsonObject ToJson() => new() { ["bytes_per_s"] = Bytes };

    /// <summary>What <see cref="ToJson"/> wrote.</summary>
    public static MachineRates FromJson(JsonNode json) => new((double)json["bytes_per_s"]!);
}
