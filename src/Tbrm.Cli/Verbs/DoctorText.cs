using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json.Nodes;

namespace Tbrm.Cli.Verbs;

/// <summary>The report of <c>doctor</c> for people: what is there, what is not and how to have it, what is
/// wrong.</summary>
internal static class DoctorText
{
    private const string Fine = "ok", Absent = "-", Wrong = "WRONG";

    /// <summary>Below this much room a run of the default size may stop for want of it.</summary>
    private const long LittleRoom = 1L << 30;

    private static readonly string[] s_devices = ["cpu", "cuda", "torch"];

    /// <summary>Facts that have a line of their own.</summary>
    private static readonly string[] s_below = ["plug_in", "self_check"];

    /// <param name="report">As <c>--json</c> prints it.</param>
    /// <param name="width">Letters of a line.</param>
    public static string Of(JsonObject report, int width)
    {
        List<string[]> devices = [.. s_devices.Where(report.ContainsKey).Select(d => Device(d, report[d]!))];
        return "program\n" + PlainTable.Wrapped(Program(report), width)
            + (devices.Count > 0 ? "devices, for trainer.device\n" + PlainTable.Wrapped(devices, width) : "")
            + "folder of runs\n" + PlainTable.Wrapped([Folder(report["folder"]!.AsObject())], width);
    }

    /// <summary>The text with what is fine green, what is absent yellow, what is wrong red.</summary>
    public static string Coloured(string text) => string.Join('\n', text.Split('\n').Select(ColouredLine));

    private static List<string[]> Program(JsonObject report)
    {
        List<string[]> rows =
        [
            [Fine, "version", (string)report["version"]!],
            [Fine, "runtime", (string)report["dotnet"]!],
            [Fine, "system", $"{(string)report["os"]!}, {(string)report["architecture"]!}"],
        ];
        if (report["library"] is not JsonObject library)
        {
            rows.Add([Wrong, "library", (string)report["library"]!]);
            return rows;
        }

        string isa = (string)library["isa"]!, best = (string)library["best_isa"]!;
        rows.Add([Fine, "library", $"{(string)library["version"]!}, compiler {(string)library["compiler"]!}, CUDA "
            + $"{(string?)library["cuda"] ?? "left out"}, libtorch {(string?)library["libtorch"] ?? "left out"}\n"
            + (string)report["library_path"]!]);
        rows.Add(isa == best ? [Fine, "kernels", isa]
            : [Absent, "kernels", $"{isa}, as TBRM_ISA asks; this processor has {best}\nto have it: unset TBRM_ISA"]);
        return rows;
    }

    private static string[] Device(string name, JsonNode found)
    {
        if (found is not JsonObject device)
        {
            string message = (string)found!;
            bool isWrong = message.Contains("self-check", StringComparison.Ordinal);
            return [isWrong ? Wrong : Absent, name, Advised(message, isWrong ? "what to do: " : "to have it: ")];
        }

        List<string> facts = [];
        foreach ((string key, JsonNode? value) in device)
        {
            string text = value?.ToString() ?? "";
            facts.Add(key switch
            {
                "device" or "plug_in" or "self_check" => "",
                "threads" => $"{text} thread{(text == "1" ? "" : "s")}",
                "isa" => text,
                _ when key.EndsWith("_bytes", StringComparison.Ordinal) && value is JsonValue bytes =>
                    $"{Gigabytes((long)bytes)} {Words(key[..^"_bytes".Length])}",
                _ => $"{Words(key)} {text}",
            });
        }

        string below = string.Concat(s_below.Where(device.ContainsKey).Select(k => "\n" + device[k]));
        return [Fine, (string?)device["device"] ?? name, string.Join(", ", facts.Where(f => f.Length > 0)) + below];
    }

    private static string[] Folder(JsonObject folder)
    {
        string path = (string)folder["path"]!;
        if (folder["problem"] is { } problem)
        {
            return [Wrong, path, $"nothing can be written: {problem}\nwhat to do: change to another folder, or name "
                + "one with --run-dir"];
        }

        long free = (long)folder["free_bytes"]!;
        return free < LittleRoom
            ? [Wrong, path, $"{Gigabytes(free)} free\nwhat to do: make room, or name a folder elsewhere with --run-dir"]
            : [Fine, path, $"{Gigabytes(free)} free"];
    }

    /// <summary>What is so, and on a line of its own what stands behind the first semicolon: what to do.</summary>
    private static string Advised(string message, string front)
    {
        string found = message.StartsWith("opening the device: ", StringComparison.Ordinal)
            ? message["opening the device: ".Length..] : message;
        int advice = found.IndexOf("; ", StringComparison.Ordinal);
        return advice < 0 ? found : found[..advice] + "\n" + front + found[(advice + 2)..];
    }

    private static string ColouredLine(string line)
    {
        string colour = line.StartsWith("  " + Fine + " ", StringComparison.Ordinal) ? "32"
            : line.StartsWith("  " + Wrong + " ", StringComparison.Ordinal) ? "1;31"
            : line.StartsWith("  " + Absent + " ", StringComparison.Ordinal) ? "33" : "";
        int end = line.Length > 2 ? line.IndexOf(' ', 2) : -1;
        return colour.Length == 0 || end < 0 ? line : $"  \u001b[{colour}m{line[2..end]}\u001b[0m{line[end..]}";
    }

    private static string Words(string key) => key.Replace('_', ' ');

    private static string Gigabytes(long bytes) =>
        (bytes / (double)(1L << 30)).ToString("0.0", CultureInfo.InvariantCulture) + " GiB";
}
