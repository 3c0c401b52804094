using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;

namespace Tbrm.Training.Config;

/// <summary>Shares of the sources in a batch of trajectories: section <c>replay.mix</c>, or what stands for it when it
/// is empty.</summary>
/// <param name="Online">Of the step's own rollout.</param>
/// <param name="Buffer">Of the replay buffer.</param>
/// <param name="Files">Of files, each entry a list of them that is one source.</param>
/// <param name="IsFirstOnline">Whether the first batch of a step is the rollout and nothing else (ReVal).</param>
public sealed record ReplayMix(double Online, double Buffer,
    IReadOnlyList<(IReadOnlyList<string> Paths, double Share)> Files, bool IsFirstOnline)
{
    private const string OnlineKey = "online", BufferKey = "buffer", FilesKey = "files";

    /// <summary>Reads the shares.</summary>
    /// <exception cref="ConfigException">Shares do not add up to 1, or a source that has one is not there, or one that
    /// is there has none.</exception>
    public static ReplayMix Of(RunConfig config)
    {
        ReplayConfig replay = config.Replay;
        List<string> files = config.Data.Trajectories;
        bool isOnline = config.Rollout.N > 0;
        if (replay.Mix.Count == 0)
        {
            Require(isOnline || files.Count > 0,
                "rollout.n=0 samples nothing; give data.trajectories=[FILES] to learn from, or set rollout.n");
            Require(!isOnline || files.Count == 0,
                $"data.trajectories and rollout.n={config.Rollout.N} are both given: set rollout.n=0 to learn from "
                    + $"the files alone, "
                + "or say the shares, such as replay.mix={online: 0.5, files: 0.5}");
            Require(isOnline || replay.Capacity == 0,
                $"replay.capacity={replay.Capacity}: with rollout.n=0 nothing is sampled that a buffer could keep; "
                    + $"set it to 0");
            return isOnline ? new(1, 0, [], IsFirstOnline: replay.Capacity > 0)
                : new(0, 0, [(files, 1)], IsFirstOnline: false);
        }

        Dictionary<string, double> shares =
            replay.Mix.ToDictionary(p => p.Key, p => Share(p.Key, p.Value), StringComparer.Ordinal);
        double sum = shares.Values.Sum();
        Require(Math.Abs(sum - 1) < 1e-9,
            FormattableString.Invariant($"replay.mix: the shares add up to {sum}; 1 was expected"));
        string[] named = [.. shares.Keys.Where(k => k is not (OnlineKey or BufferKey or FilesKey))];
        foreach (string name in named)
        {
            Require(files.Contains(name),
                $"replay.mix: '{name}' is no source; expected online, buffer, files, or one of data.trajectories "
                    + $"({(files.Count > 0 ? string.Join(", ", files) : "there are none")})");
        }

        string[] rest = [.. files.Where(f => !named.Contains(f))];
        bool hasRest = shares.ContainsKey(FilesKey);
        Require(hasRest || rest.Length == 0,
            $"replay.mix gives no share to {string.Join(", ", rest)} of data.trajectories; give it one, or one to all "
                + $"that have no share of their own: files");
        Require(!hasRest || rest.Length > 0,
            "replay.mix gives a share to files, but data.trajectories has none without a share of its own");
        Require(isOnline || !(shares.GetValueOrDefault(OnlineKey) > 0 || shares.GetValueOrDefault(BufferKey) > 0),
            "replay.mix gives a share to online or buffer, but rollout.n=0 samples nothing; set rollout.n");
        Require(replay.Capacity > 0 || !shares.ContainsKey(BufferKey),
            "replay.mix gives a share to buffer; set replay.capacity to the number of trajectories that it keeps");
        Require(replay.Capacity == 0 || shares.GetValueOrDefault(BufferKey) > 0,
            $"replay.capacity={replay.Capacity}: replay.mix gives no share to buffer; give it one, or set the "
                + $"capacity to 0");
        List<(IReadOnlyList<string>, double)> sources = [.. named.Select(n => ((IReadOnlyList<string>)[n], shares[n]))];
        if (hasRest)
        {
            sources.Add((rest, shares[FilesKey]));
        }

        return new(shares.GetValueOrDefault(OnlineKey), shares.GetValueOrDefault(BufferKey), sources,
            IsFirstOnline: false);
    }

    /// <summary>Trajectories of a batch.</summary>
    public int BatchSize(RunConfig config)
    {
        int sampled = config.Data.TrainBatchSize * Math.Max(config.Rollout.N, 1);
        return config.Replay.BatchSize > 0 ? config.Replay.BatchSize : Online > 0 ? (int)Math.Round(sampled / Online)
            : sampled;
    }

    private static double Share(string key, string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double share)
            && share is >= 0 and <= 1 ? share
            : throw new ConfigException($"replay.mix.{key} is '{text}'; a share from 0 to 1 was expected");

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new ConfigException(message);
        }
    }
}
