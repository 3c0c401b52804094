using System;
using System.Collections.Generic;
using System.IO;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Data.Json;
using Tbrm.Tasks;
using Tbrm.Tasks.Python;

namespace Tbrm.Data.Sources;

/// <summary>Items and scores as JSONL, each line as Python's <c>json.dumps</c> prints it.</summary>
public static class TaskRows
{
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Writes the task's items, <c>{"question", "answer", "metadata"}</c> a line; returns how many.</summary>
    /// <exception cref="TaskItemException">An item cannot be made.</exception>
    public static long Generate(IReasoningTask task, Stream output)
    {
        ArgumentNullException.ThrowIfNull(task);
        using StreamWriter writer = Open(output);
        for (long i = 0; i < task.Size; i++)
        {
            writer.Write(PythonJson.Write(TaskJson.ItemOf(task.Generate(i))));
            writer.Write('\n');
        }

        return task.Size;
    }

    /// <summary>
    /// Reads rows <c>{"answer", "entry"}</c> and writes each with a <c>score</c> added; returns how many. Where the
    /// package's scorer raises, the
    /// score is 0 and <c>error</c> says why.
    /// </summary>
    /// <exception cref="DataException">A row lacks what the scorer needs; the message begins with
    /// <c>file:line</c>.</exception>
    public static long Score(IReasoningTask task, IEnumerable<JsonLine> rows, string file, Stream output)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(rows);
        using StreamWriter writer = Open(output);
        long count = 0;
        foreach (JsonLine line in rows)
        {
            try
            {
                AddScore(task, line.Row);
            }
            catch (DataException e)
            {
                throw new DataException($"{file}:{line.LineNumber}: {e.Message}", e);
            }

            writer.Write(PythonJson.Write(line.Row));
            writer.Write('\n');
            count++;
        }

        return count;
    }

    private static StreamWriter Open(Stream output)
    {
        return new StreamWriter(output, s_utf8, 1 << 16, leaveOpen: true);
    }

    private static void AddScore(IReasoningTask task, JsonObject row)
    {
        string? answer = AnswerOf(row);
        TaskItem entry = EntryOf(row);
        row.Remove("error");
        try
        {
            row["score"] = TaskJson.Float(task.Score(answer, entry));
        }
        catch (TaskScoreException e)
        {
            row["score"] = TaskJson.Float(0);
            row["error"] = e.Message;
        }
    }

    private static string? AnswerOf(JsonObject row)
    {
        if (!row.TryGetPropertyValue("answer", out JsonNode? answer))
        {
            throw new DataException(
                "'answer' is missing; rows are {\"answer\": text or null, \"entry\": {\"question\", \"answer\", "
                    + "\"metadata\"}}");
        }

        return answer is null || answer.GetValueKind() == JsonValueKind.String
            ? answer?.GetValue<string>()
            : throw new DataException($"'answer': a text or null was expected, found {StrictJson.Describe(answer)}");
    }

    private static TaskItem EntryOf(JsonObject row)
    {
        JsonObject entry = row["entry"] as JsonObject
            ?? throw new DataException(
                $"'entry': the item's object was expected, found {StrictJson.Describe(row["entry"])}");
        JsonNode? oracle = entry["answer"];
        if (oracle is not null && oracle.GetValueKind() != JsonValueKind.String)
        {
            throw new DataException($"'entry.answer': a text was expected, found {StrictJson.Describe(oracle)}");
        }

        JsonObject metadata = entry["metadata"] switch
        {
            null => [],
            JsonObject members => members,
            JsonNode other =>
                throw new DataException(
                $"'entry.metadata': an object was expected, found {StrictJson.Describe(other)}"),
        };
        return new TaskItem("", oracle?.GetValue<string>(), metadata);
    }
}
