using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Tbrm.Engine;
using Tbrm.Engine.Benchmarks;

namespace Tbrm.Cli.Benchmarks;

/// <summary>Where something was measured.</summary>
internal static class MachineDescription
{
    /// <summary>Processor, instruction set in use, cores, memory, system, version with commit, and the peaks that were
    /// measured.</summary>
    public static JsonObject Of(EngineDevice device, IReadOnlyDictionary<bool, MachinePeak> peaks)
    {
        JsonNode? described = JsonNode.Parse(device.Description);
        return new()
        {
            ["cpu"] = Processor(),
            ["device"] = (string?)described?["libtorch"] is { } libtorch
                ? $"{(string?)described?["device"]} {libtorch}" : (string?)described?["device"],
            ["isa"] = (string?)described?["isa"],
            ["threads"] = device.Threads,
            ["cores"] = Environment.ProcessorCount,
            ["memory_bytes"] = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            ["system"] = RuntimeInformation.OSDescription,
            ["architecture"] = RuntimeInformation.ProcessArchitecture.ToString(),
            ["dotnet"] = Environment.Version.ToString(),
            ["version"] = typeof(MachineDescription).Assembly
                .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion,
            ["library"] = JsonNode.Parse(EngineLibrary.BuildInfo),
            ["load"] = Load(),
            ["time"] = DateTimeOffset.UtcNow.ToString(
                "yyyy-MM-ddTHH:mm:ssZ", System.Globalization.CultureInfo.InvariantCulture),
            ["peak_fp32_flops"] = peaks.TryGetValue(false, out MachinePeak fp32) ? fp32.Flops : null,
            ["peak_bf16_flops"] = peaks.TryGetValue(true, out MachinePeak bf16) ? bf16.Flops : null,
            ["peak_bytes_per_s"] = peaks.Count > 0 ? peaks.Values.Max(p => p.Bytes) : null,
        };
    }

    /// <summary>One line for people.</summary>
    public static string Line(JsonObject machine)
    {
        List<string> parts =
        [
            $"{machine["cpu"]}, {machine["isa"]}, {machine["threads"]} of {machine["cores"]} cores",
            $"tbrm-native {machine["version"]}",
        ];
        if ((string?)machine["device"] is { } device && device != "cpu")
        {
            parts.Insert(0, device);
        }

        void Rate(string key, string unit, string what)
        {
            if (machine[key] is JsonValue value && value.GetValue<double>() is > 0 and double rate)
            {
                parts.Add($"{BenchReport.Number(rate / 1e9)} {unit} {what}");
            }
        }

        Rate("peak_fp32_flops", "GFLOP/s", "fp32");
        Rate("peak_bf16_flops", "GFLOP/s", "bf16");
        Rate("peak_bytes_per_s", "GB/s", "read");
        return string.Join("; ", parts);
    }

    /// <summary>What to say when other programs keep the cores busy; null when they do not, or when it is not
    /// known.</summary>
    public static string? Busy(double? load) => load > 0.5 * Environment.ProcessorCount
        ? string.Create(System.Globalization.CultureInfo.InvariantCulture,
            $"other programs are at work here (load {load:f1}, {Environment.ProcessorCount} cores): times are too long")
        : null;

    /// <summary>Processes that computed in the last minute, as the kernel averages them; null where it does not
    /// say.</summary>
    public static double? Load()
    {
        const string file = "/proc/loadavg";
        return File.Exists(file) && double.TryParse(File.ReadAllText(file).Split(' ')[0],
            System.Globalization.CultureInfo.InvariantCulture, out double load) ? load : null;
    }

    private static string Processor()
    {
        try
        {
            string? model = File.ReadLines("/proc/cpuinfo")
                .FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal));
            string name = model?[(model.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim() ?? "";
            return name.Length > 0 ? name : RuntimeInformation.ProcessArchitecture.ToString();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER")
                ?? RuntimeInformation.ProcessArchitecture.ToString();
        }
    }
}
