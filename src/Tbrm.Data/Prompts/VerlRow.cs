using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Core.Rewards;
using Tbrm.Data.Sources;

namespace Tbrm.Data.Prompts;

/// <summary>
/// verl's row schema: <c>data_source</c>, <c>prompt</c> (list of {role, content}), <c>ability</c>,
/// <c>reward_model</c> {style, ground_truth}, <c>extra_info</c>.
/// </summary>
internal static class VerlRow
{
    /// <summary>The row as a prompt.</summary>
    /// <exception cref="DataException">A field is missing or of another kind; the message begins with the row's
    /// place.</exception>
    public static Prompt ToPrompt(SourceRow source, PromptKeys keys, string? dataSource, long index)
    {
        (JsonObject row, string where, bool isColumnar) = source;
        JsonNode conversation = Required(row, keys.Prompt, "data.prompt_key", where);
        string name = dataSource
            ?? (RowValues.Find(row, keys.DataSource) is { } named ? RowValues.ToAnswerText(named)
            : throw new DataException(
            $"{where}: the row has no '{keys.DataSource}' (its keys: {RowValues.KeysOf(row)}); set "
                + $"data.reward_fn_key, or give the data source a name"));
        GroundTruth truth = GroundTruth.Read(
            Required(row, keys.GroundTruth, "the ground truth's key", where), keys.GroundTruth, where);
        return new Prompt
        {
            DataSource = name,
            Messages = Conversation.Read(conversation, keys.Prompt, where, isColumnar),
            Variables = RowVariables.Read(row, where, isColumnar),
            GroundTruth = AnswerRules.Apply(truth, name, keys.GroundTruth, where),
            Ability = RowValues.Find(row, keys.Ability) is { } ability ? RowValues.ToAnswerText(ability) : "",
            Index = index,
            ExtraInfo = ToExtraInfo(RowValues.Find(row, keys.ExtraInfo)),
        };
    }

    private static JsonNode Required(JsonObject row, string path, string option, string where)
    {
        return RowValues.Find(row, path)
            ?? throw new DataException(
                $"{where}: the row has no '{path}' (its keys: {RowValues.KeysOf(row)}); set {option} if it has "
                    + $"another name");
    }

    /// <summary>What a grader may need besides: an object, one as JSON text, or anything else under one name.</summary>
    internal static JsonObject? ToExtraInfo(JsonNode? extra) => extra switch
    {
        null => null,
        JsonObject structure => (JsonObject)structure.DeepClone(),
        // Columns of one type for all rows keep objects as text.
        JsonValue text when text.TryGetValue(out string? json)
            && RowValues.ObjectInText(json) is { } structure => structure,
        _ => new JsonObject { ["value"] = extra.DeepClone() },
    };
}
