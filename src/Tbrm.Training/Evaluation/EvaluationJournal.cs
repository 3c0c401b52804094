using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core;
using Tbrm.Engine;

namespace Tbrm.Training;

/// <summary>
/// The responses that an evaluation has drawn so far, one line each, appended as they finish: a killed evaluation goes on from them. Random
/// streams are keyed by seed and trajectory, so what is drawn later does not depend on what was drawn before.
/// </summary>
public sealed class EvaluationJournal : IDisposable
{
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
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
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

    /// <summary>The response that was drawn before; null when it must be drawn.</summary>
    public Trajectory? Find(string set, RolloutRequest request, long id) => _known.TryGetValue((set, id), out (TrajectoryEnd End, int[] Ids) known)
        ? new() { Id = id, Group = request.Group, PromptIds = request.PromptIds, ResponseIds = known.Ids, Logp = [], ProcessedLogp = [], End = known.End }
        : null;

    /// <summary>Appends a response. After this it survives the end of the process.</summary>
    public void Add(string set, Trajectory trajectory)
    {
        if (trajectory.End == TrajectoryEnd.Cancelled)
        {
            return;
        }

        JsonObject row = new() { ["set"] = set, ["id"] = trajectory.Id, ["end"] = trajectory.End.ToString(), ["ids"] = new JsonArray([.. trajectory.ResponseIds.Select(i => JsonValue.Create(i))]) };
        Write(row);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void Write(JsonObject row) => DiskErrors.Translated($"writing {_file.Name}", () =>
    {
        _file.Write(Encoding.UTF8.GetBytes(row.ToJsonString() + "\n"));
        _file.Flush();
    });

    private void ReadOrBegin(string path, JsonObject identity)
    {
        using StreamReader reader = new(_file, Encoding.UTF8, false, 1 << 16, leaveOpen: true);
        string text = reader.ReadToEnd();
        // A line that is not whole was being written when the process died.
        string[] lines = text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (lines.Length == 0)
        {
            _file.SetLength(0);
            Write(identity);
            return;
        }

        CheckIdentity(path, lines[0], identity);
        for (int i = 1; i < lines.Length; i++)
        {
            Read(path, i + 1, lines[i]);
        }

        _file.SetLength(lines.Sum(line => (long)Encoding.UTF8.GetByteCount(line) + 1));
        _file.Seek(0, SeekOrigin.End);
    }

    private void Read(string path, int line, string text)
    {
        try
        {
            JsonNode row = JsonNode.Parse(text)!;
            _known[((string)row["set"]!, (long)row["id"]!)] = (Enum.Parse<TrajectoryEnd>((string)row["end"]!), [.. ((JsonArray)row["ids"]!).Select(n => (int)n!)]);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or ArgumentException or NullReferenceException or InvalidCastException)
        {
            throw new DataException($"{path}:{line}: no saved response can be read here; delete the file to begin anew", e);
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

        string[] differing = found is null ? ["everything"] : [.. identity.Where(p => !JsonNode.DeepEquals(p.Value, found[p.Key])).Select(p => p.Key)];
        if (differing.Length > 0)
        {
            throw new DataException(
                $"{path} holds the responses of another evaluation ({string.Join(", ", differing)} differ); delete it, or write to another place");
        }
    }
}
