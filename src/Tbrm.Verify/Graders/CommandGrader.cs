using System;
using System.Collections.Concurrent;
using System.ComponentModel;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading;
using Tbrm.Core;

namespace Tbrm.Verify;

/// <summary>
/// Asks a program of the user's: it reads one JSON object per line (<c>data_source</c>, <c>solution_str</c>,
/// <c>ground_truth</c>, <c>extra_info</c>) and answers each with one line, a number or an object with <c>score</c> and
/// optionally <c>extracted</c>. Copies of it run side by side; one that crashes is started again and asked once more, one that
/// exceeds the time limit is killed.
/// </summary>
/// <remarks>Options: <c>command</c> (a list: program and arguments), <c>processes</c> (copies; the number of processors).</remarks>
public sealed class CommandGrader : IGrader, IDisposable
{
    private readonly string[] _command;
    private readonly SemaphoreSlim _slots;
    private readonly ConcurrentBag<CommandWorker> _idle = [];
    private volatile bool _disposed;

    /// <summary>Reads the options; the program starts with the first request.</summary>
    public CommandGrader(JsonObject? options)
    {
        GraderOptions reader = new(options);
        _command = reader.Find("command") switch
        {
            JsonArray list when list.Count > 0 => [.. list.Select(part => part is JsonValue value && value.TryGetValue(out string? text)
                ? text
                : throw new ConfigException("grader option 'command': a list of strings was expected"))],
            JsonValue single when single.TryGetValue(out string? text) && text.Length > 0 => text.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            _ => throw new ConfigException("the grader 'command' needs the option \"command\": a list of program and arguments"),
        };
        _slots = new SemaphoreSlim(reader.Integer("processes", Environment.ProcessorCount, 1, 4096));
    }

    /// <inheritdoc/>
    public string Name => "command";

    /// <inheritdoc/>
    public Verdict Grade(GradeRequest request, CancellationToken stop)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        string line = new JsonObject
        {
            ["data_source"] = request.DataSource,
            ["solution_str"] = request.Solution,
            ["ground_truth"] = request.GroundTruth.ToJson(),
            ["extra_info"] = request.ExtraInfo?.DeepClone() ?? new JsonObject(),
        }.ToJsonString();
        _slots.Wait(stop);
        try
        {
            return Ask(line, stop) ?? Ask(line, stop)
                ?? new Verdict(0, VerdictStatus.Error, null, $"'{_command[0]}' ended without an answer, twice");
        }
        catch (Exception e) when (e is Win32Exception or FileNotFoundException)
        {
            return new Verdict(0, VerdictStatus.Error, null, $"'{_command[0]}' cannot be started: {e.Message}");
        }
        finally
        {
            _slots.Release();
        }
    }

    /// <summary>Ends the copies of the program.</summary>
    public void Dispose()
    {
        _disposed = true;
        while (_idle.TryTake(out CommandWorker? worker))
        {
            worker.Dispose();
        }

        _slots.Dispose();
    }

    /// <summary>The verdict; null when the program ended instead of answering.</summary>
    private Verdict? Ask(string line, CancellationToken stop)
    {
        CommandWorker worker = _idle.TryTake(out CommandWorker? idle) ? idle : CommandWorker.Start(_command);
        bool healthy = false;
        try
        {
            string? answer = worker.Ask(line, stop);
            healthy = answer is not null;
            return answer is null ? null : Read(answer);
        }
        finally
        {
            if (healthy && !_disposed)
            {
                _idle.Add(worker);
            }
            else
            {
                worker.Dispose();
            }
        }
    }

    private static Verdict Read(string answer)
    {
        try
        {
            JsonNode? node = JsonNode.Parse(answer);
            JsonNode? score = node is JsonObject result ? result["score"] : node;
            string? extracted = node is JsonObject { } fields && fields["extracted"] is JsonValue text && text.TryGetValue(out string? read) ? read : null;
            if (GraderOptions.TryNumber(score, out double number))
            {
                return new Verdict(number, VerdictStatus.Ok, extracted);
            }

            if (score is JsonValue value && value.TryGetValue(out bool correct))
            {
                return new Verdict(correct ? 1 : 0, VerdictStatus.Ok, extracted);
            }
        }
        catch (JsonException)
        {
        }

        return new Verdict(0, VerdictStatus.Error, null, $"a number or an object with \"score\" was expected, the program wrote '{(answer.Length > 80 ? answer[..80] : answer)}'");
    }
}
