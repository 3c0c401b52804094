using System;
using System.Globalization;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine;

namespace Tbrm.Training.Plans;

/// <summary>The machine that a run is planned for; it need not be this one.</summary>
/// <param name="IsCuda">A GPU.</param>
/// <param name="Threads">CPU threads.</param>
/// <param name="Bytes">Memory of one device.</param>
/// <param name="Devices">How many share a step, each with the weights, its share of what trainer.zero_stage names, and
/// its part of the prompts.</param>
/// <param name="Name">For people.</param>
public sealed record PlanTarget(bool IsCuda, int Threads, long Bytes, int Devices, string Name)
{
    private static readonly (string Suffix, double Bytes)[] s_units =
    [
        ("TiB", 1L << 40), ("GiB", 1L << 30), ("MiB", 1L << 20), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6),
    ];

    /// <summary>libtorch computes on it.</summary>
    public bool IsTorch { get; init; }

    /// <summary>What the options say: without a size this machine's device, with one a device of that size, a GPU
    /// unless <paramref name="device"/> is cpu.</summary>
    /// <param name="device">trainer.device.</param>
    /// <param name="threads">trainer.threads.</param>
    /// <param name="memory">As 80GB; null: this machine's.</param>
    /// <param name="devices">How many.</param>
    /// <exception cref="ConfigException">No size, or no number of devices.</exception>
    public static PlanTarget Of(string device, int threads, string? memory, int devices)
    {
        if (devices is < 1 or > 65536)
        {
            throw new ConfigException($"--devices {devices}: 1 to 65536 were expected");
        }

        if (memory is not null)
        {
            long bytes = Size(memory);
            bool isCpu = device is "cpu" or "torch" or "torch:cpu";
            return new(!isCpu, isCpu ? Math.Max(1, threads > 0 ? threads : Environment.ProcessorCount) : 0, bytes,
                devices,
                isCpu ? $"a CPU with {memory}" : $"a GPU with {memory}")
            {
                IsTorch = EngineDevice.IsTorchName(device),
            };
        }

        using EngineDevice here = EngineDevice.Open(device, threads);
        System.Text.Json.Nodes.JsonNode? description = System.Text.Json.Nodes.JsonNode.Parse(here.Description);
        return new(here.IsCuda, here.Threads, here.Memory().DeviceTotal, devices,
            (string?)description?["name"] ?? (string?)description?["device"] ?? device)
        {
            IsTorch = here.IsTorch,
        };
    }

    /// <summary>What a run computes on: a device of this machine for each of its ranks, which on a CPU share its
    /// memory.</summary>
    public static PlanTarget OfRun(TrainerConfig trainer)
    {
        PlanTarget one = Of(trainer.Device, trainer.Threads, memory: null, RanksOf(trainer));
        int here = trainer.NGpusPerNode;
        return one.IsCuda || here == 1 ? one
            : one with { Bytes = one.Bytes / here, Threads = Math.Max(1, one.Threads / here) };
    }

    /// <summary>Ranks of all nodes.</summary>
    public static int RanksOf(TrainerConfig trainer)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        return trainer.NGpusPerNode * trainer.Nnodes;
    }

    /// <summary>Bytes of a size such as 80GB (powers of ten), 75GiB (powers of two), 512MB.</summary>
    /// <exception cref="ConfigException">It is none.</exception>
    public static long Size(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        foreach ((string suffix, double unit) in s_units)
        {
            if (text.EndsWith(suffix, StringComparison.OrdinalIgnoreCase)
                && double.TryParse(text[..^suffix.Length].Trim(), NumberStyles.AllowDecimalPoint,
                    CultureInfo.InvariantCulture, out double number)
                && number > 0 && number * unit < long.MaxValue / 2)
            {
                return (long)(number * unit);
            }
        }

        throw new ConfigException($"--device-memory {text}: a size such as 80GB, 75GiB or 512MB was expected");
    }
}
