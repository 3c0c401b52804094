using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Tbrm.Core.Errors;
using Tbrm.Core.Rollouts;
using Tbrm.Engine.Checkpoint;
using Tbrm.Engine.Rollout;

namespace Tbrm.Training.Evaluation;

/// <summary>
/// The responses that an evaluation has sampled so far, one line each, appended as they finish: a killed evaluation
/// goes on from them. Random
/// streams are keyed by seed and trajectory, so what is sampled later does not depend on what was sampled before.
/// </summary>
public sealed class EvaluationJournal : IDisposable
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        Converters = { new JsonStringEnumConverter<TrajectoryEnd>(allowIntegerValues: false) },
    };

    private readonly FileStream _file;
    private readonly Dictionary<(string Set, long Id), (TrajectoryEnd End, int[] Ids)> _known = [];

    private EvaluationJournal(FileStream file) => _file = file;

    /// <summary>Responses that were there when it was opened.</summary>
    public int Known => _known.Count;

    /// <summary>Opens a journal, or begins one.</summary>
    /// <param name="path">Its file.</param>
    /// <param name="identity">What decides the responses; a journal of another identity is refused.</param>
    /// <exception cref="DataException">The file is of another evaluation or cannot be read.</exception>
    public static EvaluationJournal Open(string path, JsonObject identity)
    {
        FileStream? file = null;
        DiskErrors.Translated($"opening {path}", () =>
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            // Without a buffer: what a full disk refused must not be tried again when the file is closed.
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        });
        EvaluationJournal journal = new(file!);
        try
        {
            journal.ReadOrBegin(path, identity);
            return journal;
        }
        catch
        {
            journal.Dispose();
            throw;
        }
    }

    /// <summary>The response that was sampled before; null when it must be sampled.</summary>
    public Trajectory? Find(string set, RolloutRequest request, long id) =>
        _known.TryGetValue((set, id), out (TrajectoryEnd End, int[] Ids) known)
        ? new()
        {
            Id = id,
            Group = request.Group,
            PromptIds = request.PromptIds,
            ResponseIds = known.Ids,
            Logp = [],
            ProcessedLogp = [],
            End = known.End
        }
        : null;

    /// <summary>Appends a response. After this it survives the end of the process.</summary>
    public void Add(string set, Trajectory trajectory)
    {
        if (trajectory.End == TrajectoryEnd.Cancelled)
        {
            return;
        }

        JsonObject row = new()
        {
            ["set"] = set,
            ["id"] = trajectory.Id,
            ["end"] = trajectory.End.ToString(),
            ["ids"] = new JsonArray([.. trajectory.ResponseIds.Select(i => JsonValue.Create(i))])
        };
        Write(row);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void Write(JsonObject row) => DiskErrors.Translated($"writing {_file.Name}", () =>
    {
        _file.Write(Encoding.UTF8.GetBytes(row.ToJsonString() + "\n"));
    });

    private void ReadOrBegin(string path, JsonObject identity)
    {
        long end = EndOfLastLine();
        bool cutOff = end < _file.Length, begun = false;
        _file.Seek(0, SeekOrigin.Begin);
        using (StreamReader reader = new(_file, Encoding.UTF8, false, 1 << 16, leaveOpen: true))
        {
            int number = 1;
            // A line that is not whole was being written when the process died.
            for (string? line = reader.ReadLine(),
                next; line is not null && ((next = reader.ReadLine()) is not null || !cutOff); line = next, number++)
            {
                if (line.Length > 0 && begun)
                {
                    Read(path, number, line);
                }
                else if (line.Length > 0)
                {
                    CheckIdentity(path, line, identity);
                    begun = true;
                }
            }
        }

        _file.SetLength(begun ? end : 0);
        _file.Seek(0, SeekOrigin.End);
        if (!begun)
        {
            Write(identity);
        }
    }

    /// <summary>Where the last whole line ends: after the last line feed, 0 when there is none.</summary>
    private long EndOfLastLine()
    {
        byte[] block = new byte[1 << 16];
        for (long end = _file.Length; end > 0;)
        {
            int size = (int)Math.Min(block.Length, end);
            end -= size;
            _file.Seek(end, SeekOrigin.Begin);
            _file.ReadExactly(block, 0, size);
            int found = block.AsSpan(0, size).LastIndexOf((byte)'\n');
            if (found >= 0)
            {
                return end + found + 1;
            }
        }

        return 0;
    }

    private void Read(string path, int line, string text)
    {
        try
        {
            SavedResponse row = JsonSerializer.Deserialize<SavedResponse>(text, s_json)
                ?? throw new JsonException("the line is null");
            _known[(row.Set, row.Id)] = (row.End, row.Ids);
        }
        catch (JsonException e)
        {
            throw new DataException($"{path}:{line}: no saved response can be read here; delete the file to begin anew",
                e);
        }
    }

    private static void CheckIdentity(string path, string first, JsonObject identity)
    {
        JsonObject? found = null;
        try
        {
            found = JsonNode.Parse(first) as JsonObject;
        }
        catch (JsonException)
        {
            // Reported below.
        }

        // A version that did not know a setting wrote nothing of it: as when it is not set.
        string[] differing = found is null ? ["everything"] : [.. identity
            .Where(p => !JsonNode.DeepEquals(p.Value, found[p.Key] ?? JsonValue.Create(""))).Select(p => p.Key)];
        if (differing.Length > 0)
        {
            throw new DataException(
                $"{path} holds the responses of another evaluation ({string.Join(", ", differing)} differ); delete "
                    + $"it, or write to another place");
        }
    }

    /// <summary>A line after the first.</summary>
    private sealed record SavedResponse(string Set, long Id, TrajectoryEnd End, int[] Ids);
}
