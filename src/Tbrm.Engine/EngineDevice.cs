using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Interop;
using Tbrm.Interop.Handles;

namespace Tbrm.Engine;

/// <summary>The device that a run computes on.</summary>
public sealed class EngineDevice : IDisposable
{
    private EngineDevice(ContextHandle context, DeviceKind kind)
    {
        Context = context;
        IsCuda = kind is DeviceKind.Cuda or DeviceKind.TorchCuda;
        IsTorch = kind is DeviceKind.TorchCpu or DeviceKind.TorchCuda;
    }

    /// <summary>Whether it is a GPU.</summary>
    public bool IsCuda { get; }

    /// <summary>Whether libtorch computes, whose rows depend on the rows beside them.</summary>
    public bool IsTorch { get; }

    /// <summary>CPU threads that compute; 0 on a GPU.</summary>
    public int Threads => (int?)JsonNode.Parse(Description)?["threads"] ?? 0;

    /// <summary>One JSON object: name, threads, instruction set or compute capability.</summary>
    public string Description => Context.Describe();

    internal ContextHandle Context { get; }

    // The library's build and the device with its driver: what a passed check is good for.
    private string Identity
    {
        get
        {
            FileInfo library = new(
                LibraryLoader.LoadedPath
                ?? throw new InvalidOperationException("a device is open, so the library is loaded"));
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{LibraryLoader.BuildInfo}\n{library.Length} bytes of {library.LastWriteTimeUtc:O}\n{Description}");
        }
    }

    /// <summary>Opens <c>cpu</c>, <c>cuda</c>, <c>cuda:1</c>, the same after <c>torch:</c>, or <c>auto</c> (a GPU when
    /// the build and the machine have one).</summary>
    /// <param name="name">The device.</param>
    /// <param name="threads">CPU threads; 0 = all cores that the process may use.</param>
    /// <param name="batchInvariant">The log-probs of a rollout are those of a training pass, bit for bit; off is faster
    /// on a GPU.</param>
    public static EngineDevice Open(string name, int threads, bool batchInvariant = true)
    {
        EngineDevice device = NativeFailures.Translated("opening the device", () => OpenNamed(name, threads));
        try
        {
            if (device.IsCuda)
            {
                DeviceChecks.OfThisUser().Ensure(device.Identity, () => device.SelfCheck());
            }

            device.Context.SetBatchInvariant(batchInvariant);
            return device;
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Compares every kernel of the device with the CPU's on small odd shapes; a GPU is compared when it is opened,
    /// once per build and device.
    /// </summary>
    /// <returns>How many results were compared.</returns>
    /// <exception cref="TbrmUserException">One is off: the message names kernel, shape and error.</exception>
    public int SelfCheck() => NativeFailures.Translated("checking the device", Context.SelfCheck);

    /// <summary>Memory that the library holds.</summary>
    public DeviceMemory Memory(bool resetPeak = false)
    {
        (long inUse, long peak, long total) = Context.Memory(resetPeak);
        return new(inUse, peak, total);
    }

    /// <summary>What the numbers of <see cref="Memory"/> are made of, and the bytes of the device that anybody uses, as
    /// its driver says (-1 on a CPU).</summary>
    public (IReadOnlyList<MemoryComponent> Components, long UsedByAll) Components()
    {
        (IReadOnlyList<(MemoryOwner Owner, MemoryUse Use, long InUse, long AtPeak)> parts, long all) =
            Context.MemoryParts();
        return ([.. parts.GroupBy(p => KeyOf(p.Owner, p.Use)).Select(g =>
            new MemoryComponent(g.Key, g.Sum(p => p.InUse), g.Sum(p => p.AtPeak)))], all);
    }

    /// <inheritdoc/>
    public void Dispose() => Context.Dispose();

    /// <summary>Whether the name is one that <see cref="Open"/> takes, wherever such a device is.</summary>
    public static bool IsName(string name) => name == "auto" || DeviceName.TryParse(name, out _);

    /// <summary>The names that <see cref="IsName"/> knows, for messages.</summary>
    public static string Names => DeviceName.Expected;

    /// <summary>Whether a name is one of libtorch's.</summary>
    public static bool IsTorchName(string name) => DeviceName.TryParse(name, out DeviceName device)
        && device.Kind is DeviceKind.TorchCpu or DeviceKind.TorchCuda;

    /// <summary>The device of a rank: a GPU of its own each, or the CPU for all of them.</summary>
    /// <param name="name">trainer.device, opened as rank 0's: cpu, cuda, auto, or these after torch:.</param>
    /// <param name="isCuda">Whether rank 0's is a GPU.</param>
    /// <param name="rank">1 or more.</param>
    public static string NameOfRank(string name, bool isCuda, int rank)
    {
        string kind = IsTorchName(name) ? "torch:" : "";
        return isCuda ? string.Create(CultureInfo.InvariantCulture, $"{kind}cuda:{rank}") : kind + "cpu";
    }

    /// <summary>Whether a name may be the device of several ranks: the CPU, or what is yet to be found.</summary>
    public static bool IsOfAnyRank(string name) => name is "auto"
        || (DeviceName.TryParse(name, out DeviceName device)
            && device.Kind is DeviceKind.Cpu or DeviceKind.TorchCpu);

    /// <summary>Whether the log-probs of a rollout are those of a training pass, bit for bit.</summary>
    /// <param name="batchInvariant">trainer.batch_invariant.</param>
    public bool IsRolloutExact(bool batchInvariant) => !IsTorch && (!IsCuda || batchInvariant);

    private static string KeyOf(MemoryOwner owner, MemoryUse use) => use switch
    {
        MemoryUse.KvPages => MemoryComponent.KvPages,
        MemoryUse.Activations => MemoryComponent.Activations,
        MemoryUse.Head => MemoryComponent.Head,
        MemoryUse.Scratch => MemoryComponent.Scratch,
        MemoryUse.Other => MemoryComponent.Other,
        _ when owner == MemoryOwner.Copy => MemoryComponent.Reference,
        MemoryUse.Weights or MemoryUse.Adapter when owner == MemoryOwner.Critic => MemoryComponent.Critic,
        _ when owner == MemoryOwner.Critic => MemoryComponent.CriticState,
        MemoryUse.Weights => MemoryComponent.Weights,
        MemoryUse.Adapter => MemoryComponent.Adapter,
        MemoryUse.Masters => MemoryComponent.Masters,
        MemoryUse.Gradients => MemoryComponent.Gradients,
        _ => MemoryComponent.Moments,
    };

    private static EngineDevice OpenNamed(string name, int threads)
    {
        if (name == "auto")
        {
            try
            {
                return OpenNamed("cuda", threads);
            }
            catch (TbrmNativeException e) when (e.Status == TbrmStatus.Unsupported)
            {
                return OpenNamed("cpu", threads);
            }
        }

        DeviceName device = DeviceName.Parse(name);
        return new(ContextHandle.Create(device.Kind, device.Ordinal, threads), device.Kind);
    }
}
