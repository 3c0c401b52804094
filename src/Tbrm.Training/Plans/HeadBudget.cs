using System;
using Tbrm.Core.Config;
using Tbrm.Engine;

namespace Tbrm.Training.Plans;

/// <summary>model.head_budget_mb where it was left to the device.</summary>
public static class HeadBudget
{
    private const int OnProcessor = 256;
    private const int MostOnGpu = 2048;
    private const long ShareOfGpu = 64;

    /// <summary>
    /// Megabytes on a device with <paramref name="deviceBytes"/> of memory. A processor gains nothing from more: its
    /// products run at the same rate
    /// whether exponentials are kept or computed again in the cache. On a GPU what is not kept costs a fourth product
    /// and traffic with memory.
    /// </summary>
    public static int Default(bool isCuda, long deviceBytes) =>
        isCuda ? (int)Math.Clamp(deviceBytes / ShareOfGpu / 1_000_000, OnProcessor, MostOnGpu) : OnProcessor;

    /// <summary>The configuration with the budget in numbers.</summary>
    public static RunConfig Resolve(RunConfig config, EngineDevice device) =>
        Resolve(config, device.IsCuda, device.Memory().DeviceTotal);

    /// <summary>The same for a device that need not be here.</summary>
    public static RunConfig Resolve(RunConfig config, bool isCuda, long deviceBytes) =>
        config.Model.HeadBudgetMb > 0 ? config
            : config with { Model = config.Model with { HeadBudgetMb = Default(isCuda, deviceBytes) } };

    /// <summary>Bytes; of a configuration that no device has resolved, those of a processor.</summary>
    public static long Bytes(RunConfig config) =>
        (config.Model.HeadBudgetMb > 0 ? config.Model.HeadBudgetMb : OnProcessor) * 1_000_000L;
}
