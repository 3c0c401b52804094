using System;
using System.Globalization;
using Tbrm.Core.Errors;
using Tbrm.Interop;

namespace Tbrm.Engine;

/// <summary>What <c>trainer.device</c> names: a kind of device and its number.</summary>
internal readonly record struct DeviceName(DeviceKind Kind, int Ordinal)
{
    /// <summary>The names, for messages.</summary>
    public const string Expected = "auto, cpu, cuda, cuda:N, torch, torch:cpu, torch:cuda or torch:cuda:N";

    /// <summary>Reads every name but <c>auto</c>; <c>torch</c> alone is libtorch on the CPU.</summary>
    public static bool TryParse(string name, out DeviceName device)
    {
        bool isTorch = name is "torch" || name.StartsWith("torch:", StringComparison.Ordinal);
        string rest = name == "torch" ? "cpu" : isTorch ? name["torch:".Length..] : name;
        int ordinal = 0;
        bool isCuda = rest == "cuda" || (rest.StartsWith("cuda:", StringComparison.Ordinal)
            && int.TryParse(rest.AsSpan("cuda:".Length), NumberStyles.None, CultureInfo.InvariantCulture, out ordinal));
        device = new(
            isTorch ? isCuda ? DeviceKind.TorchCuda : DeviceKind.TorchCpu : isCuda ? DeviceKind.Cuda : DeviceKind.Cpu,
            ordinal);
        return isCuda || rest == "cpu";
    }

    /// <summary>The same of a name that must be one.</summary>
    /// <exception cref="ConfigException">It is none.</exception>
    public static DeviceName Parse(string name) => TryParse(name, out DeviceName device) ? device
        : throw new ConfigException($"trainer.device is '{name}'; expected {Expected}");
}
