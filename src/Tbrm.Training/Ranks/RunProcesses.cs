using System;
using System.Collections.Generic;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine.Ranks;
using Tbrm.Training.Config;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Ranks;

/// <summary>The processes of a run on several nodes: whether there are such, and how they meet.</summary>
public static class RunProcesses
{
    private const int LongestShown = 64;

    /// <summary>This process's place; null where one process makes the run, as on one node.</summary>
    /// <param name="trainer">The configuration.</param>
    /// <param name="variable">Reads a variable of the environment.</param>
    /// <exception cref="ConfigException">Configuration and launcher do not fit together.</exception>
    public static ProcessPlace? PlaceOf(TrainerConfig trainer, Func<string, string?> variable)
    {
        int wanted = trainer.Nnodes * trainer.NGpusPerNode;
        ProcessPlace? place = ProcessPlace.Find(variable);
        if (trainer.Nnodes == 1)
        {
            return place is not { Count: > 1, IsCertain: true } ? null : throw new ConfigException(
                $"{place.Source} started {place.Count} processes, and trainer.nnodes is 1, with which one process "
                + "makes the run: set trainer.nnodes (and trainer.n_gpus_per_node) to what was started, or start one");
        }

        if (place is null)
        {
            throw new ConfigException($"trainer.nnodes={trainer.Nnodes} with trainer.n_gpus_per_node="
                + $"{trainer.NGpusPerNode} takes {wanted} processes, and nothing says which one this is: start them "
                + "with torchrun, srun or mpirun, or set RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT for each");
        }

        if (place.Count != wanted)
        {
            throw new ConfigException($"trainer.nnodes={trainer.Nnodes} with trainer.n_gpus_per_node="
                + $"{trainer.NGpusPerNode} takes {wanted} processes, one rank each; {place.Source} started "
                + $"{place.Count}");
        }

        return place.Address.Length > 0 ? place
            : throw new ConfigException(
                $"{place.Source}: nothing says where rank 0 is; set MASTER_ADDR (and MASTER_PORT)");
    }

    /// <summary>Waits for the other processes.</summary>
    /// <exception cref="TbrmUserException">One did not come, or is of another version or configuration.</exception>
    public static ProcessGroup Join(ProcessPlace place, RunConfig config)
    {
        return ProcessGroup.Join(place, ProgramVersion.Text, Keys("", ConfigWriter.ToJson(config)),
            TimeSpan.FromSeconds(config.Trainer.RankStartS), TimeSpan.FromSeconds(config.Trainer.RankLostS));
    }

    /// <summary>Every key with its value; of a long one what tells it from others.</summary>
    private static IEnumerable<(string Key, string Value)> Keys(string path, JsonNode? node)
    {
        if (node is JsonObject section)
        {
            return section.SelectMany(p => Keys(path.Length == 0 ? p.Key : $"{path}.{p.Key}", p.Value));
        }

        string text = node?.ToJsonString() ?? "null";
        return [(path, text.Length <= LongestShown ? text : Convert.ToHexStringLower(
            SHA256.HashData(Encoding.UTF8.GetBytes(text))))];
    }

    /// <summary>Calls <paramref name="stop"/> once a signal has asked any other process to end: rank 0 ends the run for
    /// all.</summary>
    public static IDisposable WatchSignals(ProcessGroup processes, Action<int> stop)
    {
        TimeSpan look = TimeSpan.FromMilliseconds(500);
        bool isTold = false;
        return new Timer(_ =>
        {
            ProcessState? asked = Array.Find(processes.Look(), state => state.Rank > 0 && state.IsAskedToStop);
            if (asked is not null && !isTold)
            {
                isTold = true;
                stop(asked.Rank);
            }
        }, null, look, look);
    }
}
