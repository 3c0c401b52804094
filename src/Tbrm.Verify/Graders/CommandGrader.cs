using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.ComponentModel;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;

namespace Tbrm.Verify.Graders;

/// <summary>
/// Asks a program of the user's: it reads one JSON object per line (<c>id</c>, <c>data_source</c>, <c>solution_str</c>,
/// <c>ground_truth</c>,
/// <c>extra_info</c>) and answers each with one line, a number or an object with <c>score</c>, the question's <c>id</c>
/// and optionally <c>extracted</c>,
/// <c>error</c> and further numbers. Copies of it run side by side; one that crashes is started again and asked once
/// more, one that exceeds the
/// time limit or writes what is no answer is ended, which is an error of that row alone.
/// </summary>
/// <remarks>
/// Options: <c>command</c> (a list: program and arguments), <c>processes</c> (copies; the number of processors),
/// <c>timeout</c> (seconds for one answer;
/// what holds for all graders).
/// </remarks>
public sealed class CommandGrader : IGrader, IDisposable
{
    private static readonly JsonDocumentOptions s_unique = new() { AllowDuplicateProperties = false };

    private readonly string[] _command;
    private readonly SemaphoreSlim _slots;
    private readonly ConcurrentBag<CommandWorker> _idle = [];
    private readonly TimeSpan? _timeout;
    private long _lastId;
    private volatile bool _disposed;

    /// <summary>Reads the options; the program starts with the first request.</summary>
    public CommandGrader(JsonObject? options)
    {
        GraderOptions reader = new(options);
        _command = reader.Find("command") switch
        {
            JsonArray list when list.Count > 0 =>
                [.. list.Select(part => part is JsonValue value && value.TryGetValue(out string? text)
                ? text
                : throw new ConfigException("grader option 'command': a list of strings was expected"))],
            JsonValue single when single.TryGetValue(out string? text)
                && text.Length > 0 => text.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            _ => throw new ConfigException(
                "the grader 'command' needs the option \"command\": a list of program and arguments"),
        };
        Concurrency = reader.Integer("processes", Environment.ProcessorCount, 1, 4096);
        _slots = new SemaphoreSlim(Concurrency);
        _timeout = reader.Find("timeout") is null ? null
            : reader.Number("timeout", 0) is > 0 and < 1e6 and double seconds ? TimeSpan.FromSeconds(seconds)
            : throw new ConfigException("grader option 'timeout': seconds above 0 were expected");
    }

    /// <inheritdoc/>
    public string Name => "command";

    /// <inheritdoc/>
    public int Concurrency { get; }

    /// <inheritdoc/>
    public GradeResult Grade(GradeRequest request, CancellationToken stop)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        long id = Interlocked.Increment(ref _lastId);
        string line = new JsonObject
        {
            ["id"] = id,
            ["data_source"] = request.DataSource,
            ["solution_str"] = request.Solution,
            ["ground_truth"] = request.GroundTruth.ToJson(),
            ["extra_info"] = request.ExtraInfo?.DeepClone() ?? new JsonObject(),
        }.ToJsonString();
        _slots.Wait(stop);
        try
        {
            return Ask(id, line, isAgain: false, stop) ?? Ask(id, line, isAgain: true, stop)
                ?? new GradeResult(0, GradeStatus.Error, null, $"'{_command[0]}' ended without an answer, twice");
        }
        catch (ProtocolException e)
        {
            return new GradeResult(0, GradeStatus.Error, null, $"'{_command[0]}': {e.Message}");
        }
        catch (Exception e) when (e is Win32Exception or FileNotFoundException)
        {
            return new GradeResult(0, GradeStatus.Error, null, $"'{_command[0]}' cannot be started: {e.Message}");
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

    /// <summary>The grade; null when the program ended instead of answering.</summary>
    private GradeResult? Ask(long id, string line, bool isAgain, CancellationToken stop)
    {
        CommandWorker worker = !isAgain && _idle.TryTake(out CommandWorker? idle) ? idle
            : CommandWorker.Start(_command);
        bool healthy = false;
        try
        {
            using CancellationTokenSource? timer = _timeout is null ? null
                : CancellationTokenSource.CreateLinkedTokenSource(stop);
            timer?.CancelAfter(_timeout!.Value);
            string? answer = worker.Ask(line, timer?.Token ?? stop);
            if (answer is null)
            {
                return null;
            }

            GradeResult grade = Read(answer, id, worker);
            worker.RefuseMore();
            healthy = true;
            return grade;
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

    /// <exception cref="ProtocolException">The line is no answer, or one to another question.</exception>
    private static GradeResult Read(string answer, long id, CommandWorker worker)
    {
        JsonNode? node = Parse(answer);
        JsonObject? fields = node as JsonObject;
        CheckIdentity(fields, answer, id, worker);
        string? extracted = fields?["extracted"] is JsonValue text && text.TryGetValue(out string? read) ? read : null;
        if (fields?["error"] is { } error)
        {
            return new GradeResult(0, GradeStatus.Error, extracted,
                $"the program says: {CommandWorker.Shortened(error.ToString())}");
        }

        JsonNode? score = fields is null ? node : fields["score"];
        if (fields is not null && !fields.ContainsKey("score"))
        {
            throw NoAnswer(answer);
        }

        return TryScore(score, out double number)
            ? new GradeResult(number, GradeStatus.Ok, extracted) { Numbers = fields is null ? null : Further(fields) }
            : new GradeResult(0, GradeStatus.Error, extracted,
                $"a finite number was expected as score, the program wrote '{CommandWorker.Shortened(answer)}'");
    }

    private static JsonNode? Parse(string answer)
    {
        // What Python writes for numbers that JSON does not have.
        if (answer is "NaN" or "nan" or "Infinity" or "-Infinity" or "inf" or "-inf" or "None")
        {
            return null;
        }

        JsonNode? node;
        try
        {
            node = JsonNode.Parse(answer, documentOptions: s_unique);
        }
        catch (JsonException)
        {
            throw NoAnswer(answer);
        }

        return node is null or JsonObject
            || node.GetValueKind() is JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False ? node
            : throw NoAnswer(answer);
    }

    private static ProtocolException NoAnswer(string line) =>
        new($"a number or an object with \"score\" was expected, the program wrote '{CommandWorker.Shortened(line)}'");

    private static void CheckIdentity(JsonObject? fields, string answer, long id, CommandWorker worker)
    {
        string? given = fields?["id"]?.ToString();
        string expected = id.ToString(CultureInfo.InvariantCulture);
        if (given is null && worker.Echoes)
        {
            throw new ProtocolException(
                $"an answer with the question's id {expected} was expected, as before; the program wrote "
                    + $"'{CommandWorker.Shortened(answer)}'");
        }

        if (given is not null && given != expected)
        {
            throw new ProtocolException(
                $"an answer with the question's id {expected} was expected, found the id "
                    + $"{CommandWorker.Shortened(given)}");
        }

        worker.Echoes |= given is not null;
    }

    /// <summary>Every other number of the answer: verl's reward_extra_info.</summary>
    private static Dictionary<string, double>? Further(JsonObject fields)
    {
        Dictionary<string, double> numbers = [];
        foreach ((string name, JsonNode? value) in fields)
        {
            if (name is not ("score" or "id" or "extracted") && TryScore(value, out double number))
            {
                numbers[name] = number;
            }
        }

        return numbers.Count > 0 ? numbers : null;
    }

    private static bool TryScore(JsonNode? node, out double number)
    {
        if (node is JsonValue value && value.TryGetValue(out bool flag))
        {
            number = flag ? 1 : 0;
            return true;
        }

        return GraderOptions.TryNumber(node, out number);
    }
}
