using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Threading.Tasks;

namespace Tbrm.Cli.Tests;

/// <summary>The processes of a run on several nodes, all of them here, as torchrun would start them.</summary>
internal static class RankProcesses
{
    /// <summary>Whether the plug-in that they speak by was built.</summary>
    public static bool AreThere { get; } =
        JsonNode.Parse(CommandLine.Run("doctor", "--json").Output)!["torch"] is JsonObject;

    /// <summary>torchrun's variables.</summary>
    public static Dictionary<string, string> Environment(int rank, int count, int port) => new()
    {
        ["RANK"] = rank.ToString(CultureInfo.InvariantCulture),
        ["LOCAL_RANK"] = rank.ToString(CultureInfo.InvariantCulture),
        ["WORLD_SIZE"] = count.ToString(CultureInfo.InvariantCulture),
        ["MASTER_ADDR"] = "127.0.0.1",
        ["MASTER_PORT"] = port.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>A port that nobody listens on.</summary>
    public static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Runs them to their end.</summary>
    /// <param name="count">How many.</param>
    /// <param name="arguments">Of all.</param>
    /// <param name="meanwhile">What happens to them.</param>
    /// <param name="own">Further arguments by rank.</param>
    public static Outcome[] Run(int count, string[] arguments, Action<Process[]>? meanwhile = null,
        Func<int, string[]>? own = null)
    {
        int port = FreePort();
        Process[] processes = [.. Enumerable.Range(0, count).Select(rank => CommandLine.Start(
            Environment(rank, count, port), [.. arguments, .. own?.Invoke(rank) ?? []]))];
        Task<string>[] errors = [.. processes.Select(p => p.StandardError.ReadToEndAsync())];
        meanwhile?.Invoke(processes);
        Task<string>[] outputs = [.. processes.Select(p => p.StandardOutput.ReadToEndAsync())];
        return [.. processes.Select((process, rank) =>
        {
            process.WaitForExit();
            Outcome outcome = new(process.ExitCode, outputs[rank].Result, errors[rank].Result);
            process.Dispose();
            return outcome;
        })];
    }
}
