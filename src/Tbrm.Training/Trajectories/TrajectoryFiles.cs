using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;
using Tbrm.Data.Trajectories;
using Tbrm.Training.Prompts;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Trajectories;

/// <summary>The trajectories of one file, encoded and checked, the responses to a prompt together.</summary>
/// <param name="Path">The file.</param>
/// <param name="Groups">By prompt, in the order of their first rows.</param>
/// <param name="Texts">Prompts that are text without ids or messages.</param>
/// <param name="LeftOut">Rows that were left out.</param>
public sealed record TrajectoryFile(string Path, IReadOnlyList<IReadOnlyList<TrajectoryRecord>> Groups, long Texts,
    LeftOutCounts LeftOut)
{
    /// <summary>What a user has to know of files: rows that were left out, texts that stand for ids.</summary>
    public static IReadOnlyList<string> Notes(IReadOnlyCollection<TrajectoryFile> files)
    {
        List<string> notes = [.. files.Where(f => f.LeftOut.Total > 0)
            .Select(f => $"{f.Path}: {f.LeftOut.Total} trajectories are left out: {f.LeftOut}")];
        TrajectoryFile[] decoded = [.. files.Where(f => f.Texts > 0)];
        if (decoded.Length > 0)
        {
            notes.Add($"{decoded[0].Path}{(decoded.Length == 1 ? "" : $" and {decoded.Length - 1} more files")}: "
                + $"{decoded.Sum(f => f.Texts)} prompts are text that was decoded ({TrajectoryKeys.Input}, as verl's "
                + "dumps have it): it is encoded as it is, without the special tokens that decoding may have dropped; "
                + $"rows with {TrajectoryKeys.PromptIds} or messages keep them");
        }

        return notes;
    }

    /// <summary>Trajectories.</summary>
    public int Count => Groups.Sum(g => g.Count);
}

/// <summary>Reads files of trajectories for a model: texts become ids, ids and log-probs are checked against
/// it.</summary>
/// <param name="encoder">Template and tokenizer.</param>
/// <param name="config">Limits and the temperature that log-probs must be of.</param>
/// <param name="vocabulary">Rows of the model's head.</param>
/// <param name="stopIds">Tokens that end a response.</param>
public sealed class TrajectoryFileReader(PromptEncoder encoder, RunConfig config, int vocabulary,
    IReadOnlyList<int> stopIds)
{
    private readonly float _temperature = ActorUpdate.TemperatureOf(config);

    /// <summary>Whether a row must have a reward or something to grade by.</summary>
    public bool NeedsGrade { get; init; } = true;

    /// <summary>Reads a file.</summary>
    /// <exception cref="DataException">It is missing, damaged or empty, or a row does not fit the model.</exception>
    public TrajectoryFile Read(string path)
    {
        Dictionary<string, List<TrajectoryRecord>> groups = new(StringComparer.Ordinal);
        List<List<TrajectoryRecord>> ordered = [];
        LeftOutCounts left = new();
        long texts = 0, number = 0;
        foreach (StoredTrajectory row in TrajectoryRows.Read(
            path, new() { Prompt = config.Data.PromptKey, DataSource = config.Data.RewardFnKey }))
        {
            TrajectoryRecord record = Encode(row, number++);
            texts += row.PromptIds is null && row.Messages is null ? 1 : 0;
            if (TooLong(record.Trajectory) is { } reason)
            {
                left.Add(reason, row.Where);
                continue;
            }

            string key = row.Group is { } group ? $"{row.Step}:{group}"
                : Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes(record.Trajectory.PromptIds.AsSpan())));
            if (!groups.TryGetValue(key, out List<TrajectoryRecord>? members))
            {
                groups.Add(key, members = []);
                ordered.Add(members);
            }

            members.Add(record);
        }

        return ordered.Count > 0 ? new(path, ordered, texts, left)
            : throw new DataException(
            $"{path}: there is no trajectory to train on{(left.Total > 0 ? $": {left}" : "")}");
    }

    /// <summary>A row for the model.</summary>
    /// <param name="row">As it was read.</param>
    /// <param name="number">Its place in the file, which stands for the numbers that it has not.</param>
    /// <exception cref="DataException">It does not fit the model.</exception>
    public TrajectoryRecord Encode(StoredTrajectory row, long number)
    {
        Prompt prompt = new()
        {
            DataSource = row.DataSource,
            Messages = row.Messages
                ?? [new("user", row.PromptText
                ?? encoder.Tokenizer.Decode(Checked(row, TrajectoryKeys.PromptIds, row.PromptIds!)))],
            Variables = row.Variables,
            GroundTruth = row.GroundTruth ?? GroundTruth.Of(""),
            Index = row.Index ?? number,
            ExtraInfo = row.ExtraInfo,
        };
        if (NeedsGrade && row.Grade is null && row.GroundTruth is null)
        {
            throw new DataException(
                $"{row.Where}: the trajectory has neither a reward (reward, score) nor a ground truth to grade it by "
                    + $"(reward_model.ground_truth, ground_truth, gts, answer)");
        }

        int[] promptIds = row.PromptIds is { } given ? Checked(row, TrajectoryKeys.PromptIds, given)
            : row.Messages is not null ? encoder.Encode(prompt).Ids
            : encoder.Tokenizer.Encode(row.PromptText!);
        Require(promptIds.Length > 0, row, "the prompt has no tokens");
        (int[] responseIds, TrajectoryEnd end) = Response(row, prompt);
        Require(row.Temperature is not { } temperature || (float)temperature == _temperature, row,
            string.Create(CultureInfo.InvariantCulture,
                $"its log-probs are of temperature {row.Temperature}, the configuration's is {_temperature}: set "
                    + $"rollout.temperature={row.Temperature}, or leave the log-probs out"));
        RequireNumbers(row, TrajectoryKeys.Logp, row.Logp.Length, responseIds.Length);
        RequireNumbers(row, TrajectoryKeys.ProcessedLogp, row.ProcessedLogp.Length, responseIds.Length);
        RequireNumbers(row, TrajectoryKeys.RefLogp, row.Reference?.Logp.Count ?? 0,
            row.Reference is null ? 0 : responseIds.Length);
        Require(row.Reference is null || row.Reference.Logp.All(float.IsFinite), row,
            $"{TrajectoryKeys.RefLogp} holds a number that is not finite");
        Trajectory trajectory = new()
        {
            Id = row.Id ?? number,
            Group = 0,
            PromptIds = promptIds,
            ResponseIds = responseIds,
            Logp = row.Logp,
            ProcessedLogp = row.ProcessedLogp.Length > 0 ? row.ProcessedLogp : row.Logp,
            End = end,
            Reference = row.Reference,
        };
        GradedResponse? graded = row.Grade is null ? null
            : new(row.Response ?? encoder.Tokenizer.Decode(responseIds, skipSpecialTokens: true), row.Grade);
        return new(new(prompt, promptIds), trajectory, graded) { Where = row.Where };
    }

    /// <summary>
    /// The response's ids. A text gets the stop token that decoding dropped, unless the row says that it was cut off,
    /// or it fills the longest
    /// response without one.
    /// </summary>
    private (int[] Ids, TrajectoryEnd End) Response(StoredTrajectory row, Prompt prompt)
    {
        if (row.ResponseIds is { } given)
        {
            int[] ids = Checked(row, TrajectoryKeys.ResponseIds, given);
            bool stopped = ids.Length > 0 && stopIds.Contains(ids[^1]);
            return (ids, row.End
                ?? (!stopped && ids.Length >= config.Data.MaxResponseLength ? TrajectoryEnd.Length
                : TrajectoryEnd.Stop));
        }

        int[] encoded = row.Messages is not null ? encoder.EncodeResponse(prompt, row.Response!)
            : encoder.Continue(row.PromptText ?? "", row.Response!, row.Where);
        bool isCut = row.End is TrajectoryEnd.Length
            || (row.End is null && encoded.Length >= config.Data.MaxResponseLength);
        bool hasStop = encoded.Length > 0 && stopIds.Contains(encoded[^1]);
        return isCut ? (encoded, TrajectoryEnd.Length)
            : (hasStop || stopIds.Count == 0 ? encoded : [.. encoded, stopIds[0]], row.End ?? TrajectoryEnd.Stop);
    }

    private string? TooLong(Trajectory trajectory) =>
        trajectory.PromptIds.Length > config.Data.MaxPromptLength
            ? $"the prompt is longer than data.max_prompt_length={config.Data.MaxPromptLength}"
        : trajectory.ResponseIds.Length > config.Data.MaxResponseLength
            ? $"the response is longer than data.max_response_length={config.Data.MaxResponseLength}"
        : trajectory.ResponseIds.Length == 0 ? "the response has no tokens" : null;

    private int[] Checked(StoredTrajectory row, string key, int[] ids)
    {
        foreach (int id in ids)
        {
            Require(id >= 0 && id < vocabulary, row,
                $"'{key}' holds the token id {id}, the model's vocabulary ends at {vocabulary - 1}: are the ids of "
                    + $"another tokenizer?");
        }

        return ids;
    }

    private static void RequireNumbers(StoredTrajectory row, string key, int found, int tokens) =>
        Require(found == 0 || found == tokens, row, $"'{key}' holds {found} numbers, the response has {tokens} tokens");

    private static void Require(bool condition, StoredTrajectory row, string message)
    {
        if (!condition)
        {
            throw new DataException($"{row.Where}: {message}");
        }
    }
}
