using System.IO;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Files;
using Tbrm.Engine.Checkpoint;

namespace Tbrm.Training.Metrics;

/// <summary>
/// metrics.jsonl: one object per step, <c>{"step": 12, "actor/lr": ...}</c>. Numbers keep all their bits; what is not
/// finite becomes a string,
/// since JSON has no word for it.
/// </summary>
public sealed class JsonLinesSink : IMetricSink
{
    private readonly FileStream _file;

    /// <summary>Appends to the file. A resumed run first drops what was written after its checkpoint.</summary>
    public JsonLinesSink(string path) =>
        // Without a buffer: what a full disk refused must not be tried again, and fail again, when the file is closed.
        _file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);

    /// <inheritdoc/>
    public void Write(long step, MetricSet metrics)
    {
        JsonObject row = new() { ["step"] = step };
        foreach ((string name, JsonNode? value) in metrics.ToJson())
        {
            row[name] = value?.DeepClone();
        }

        byte[] line = Encoding.UTF8.GetBytes(row.ToJsonString() + "\n");
        DiskErrors.Translated($"writing {_file.Name}", () =>
        {
            _file.Write(line);
        });
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    /// <summary>Keeps the lines of steps up to <paramref name="step"/>; a last line that was cut off by a crash goes
    /// too.</summary>
    public static void TruncateAfter(string path, long step)
    {
        if (!File.Exists(path))
        {
            return;
        }

        StringBuilder kept = new();
        foreach (string line in File.ReadLines(path))
        {
            try
            {
                using JsonDocument document = JsonDocument.Parse(line);
                // A line without a step is not ours to drop.
                bool isLater = document.RootElement.ValueKind == JsonValueKind.Object
                    && document.RootElement.TryGetProperty("step", out JsonElement at)
                    && at.ValueKind == JsonValueKind.Number && at.TryGetInt64(out long number) && number > step;
                if (!isLater)
                {
                    kept.Append(line).Append('\n');
                }
            }
            catch (JsonException)
            {
                // A line that is not whole was being written when the process died.
            }
        }

        DurableFiles.ReplaceText(path, kept.ToString());
    }
}
