using System;
using System.Globalization;
using Tbrm.Core.Errors;

namespace Tbrm.Engine.Ranks;

/// <summary>A process's place among those of a run, as its launcher says it.</summary>
/// <param name="Rank">From 0.</param>
/// <param name="Count">Processes in all.</param>
/// <param name="LocalRank">From 0, among those of its host.</param>
/// <param name="Address">Of rank 0's host.</param>
/// <param name="Port">That rank 0 listens on.</param>
/// <param name="Source">Which variables said so, for messages.</param>
public sealed record ProcessPlace(int Rank, int Count, int LocalRank, string Address, int Port, string Source)
{
    /// <summary>torchrun's own default.</summary>
    private const int DefaultPort = 29500;

    private static readonly Launcher[] s_launchers =
    [
        new("torchrun", "RANK", ["WORLD_SIZE"], "LOCAL_RANK"),
        new("Open MPI", "OMPI_COMM_WORLD_RANK", ["OMPI_COMM_WORLD_SIZE"], "OMPI_COMM_WORLD_LOCAL_RANK"),
        new("Slurm", "SLURM_PROCID", ["SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"], "SLURM_LOCALID"),
    ];

    /// <summary>Whether the launcher started these processes for nothing else: a Slurm job may have tasks that are not
    /// meant.</summary>
    public bool IsCertain => !Source.StartsWith("Slurm", StringComparison.Ordinal);

    /// <summary>The place that the variables of torchrun, Open MPI or Slurm give; null where there are none.</summary>
    /// <param name="variable">Reads a variable of the environment.</param>
    /// <exception cref="ConfigException">They do not fit together.</exception>
    public static ProcessPlace? Find(Func<string, string?> variable)
    {
        foreach (Launcher launcher in s_launchers)
        {
            string? counted = Array.Find(launcher.Counts, name => !string.IsNullOrEmpty(variable(name)));
            if (counted is null || string.IsNullOrEmpty(variable(launcher.Rank)))
            {
                continue;
            }

            int count = Number(variable, counted, 1, 1024), rank = Number(variable, launcher.Rank, 0, count - 1);
            int local = string.IsNullOrEmpty(variable(launcher.LocalRank)) ? 0
                : Number(variable, launcher.LocalRank, 0, count - 1);
            int port = string.IsNullOrEmpty(variable("MASTER_PORT")) ? DefaultPort
                : Number(variable, "MASTER_PORT", 1, 65535);
            return new(rank, count, local, AddressOf(variable), port,
                $"{launcher.Name} ({launcher.Rank}={rank}, {counted}={count})");
        }

        return null;
    }

    /// <summary>The first host of a Slurm list such as <c>gpu[03-05,9],login1</c>.</summary>
    internal static string FirstHost(string list)
    {
        int comma = list.IndexOf(',', StringComparison.Ordinal), open = list.IndexOf('[', StringComparison.Ordinal);
        if (open < 0 || (comma >= 0 && comma < open))
        {
            return comma < 0 ? list : list[..comma];
        }

        int end = list.IndexOfAny(['-', ',', ']'], open);
        int close = list.IndexOf(']', open);
        string tail = close < 0 ? "" : list[(close + 1)..];
        return end < 0 ? list : list[..open] + list[(open + 1)..end] + tail.Split(',')[0];
    }

    private static string AddressOf(Func<string, string?> variable)
    {
        if (variable("MASTER_ADDR") is { Length: > 0 } given)
        {
            return given;
        }

        return (variable("SLURM_STEP_NODELIST") ?? variable("SLURM_NODELIST")) is { Length: > 0 } nodes
            ? FirstHost(nodes) : "";
    }

    private static int Number(Func<string, string?> variable, string name, int least, int most)
    {
        string text = variable(name)!;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            && number >= least && number <= most ? number
            : throw new ConfigException($"the environment has {name}={text}: a number from {least} to {most} was "
                + "expected");
    }

    private sealed record Launcher(string Name, string Rank, string[] Counts, string LocalRank);
}
