using System.Collections.Generic;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Core.Rewards;

namespace Tbrm.Data.Prompts;

/// <summary>
/// Whether a turn of the assistant is learned, as files say it of each: <c>weight</c> (OpenAI, Mistral), <c>train</c>
/// and <c>training</c> (Axolotl),
/// <c>loss</c> (ms-swift, XTuner), <c>loss_mask</c>, <c>trainable</c>, and the other way round <c>masked</c>
/// (torchtune). The turns of others are never learned, whatever
/// stands there.
/// </summary>
public static class TurnFlags
{
    /// <summary>The fields.</summary>
    public static IReadOnlyList<string> Names { get; } =
        ["weight", "train", "training", "trainable", "loss", "loss_mask", Masked];

    /// <summary>True: the turn is not learned.</summary>
    private const string Masked = "masked";

    /// <summary>False when one of the flags is 0 or false.</summary>
    /// <exception cref="DataException">A flag is neither yes nor no.</exception>
    public static bool IsLearned(ChatMessage message, string name, string where)
    {
        if (message.Fields is null)
        {
            return true;
        }

        bool isLearned = true;
        JsonObject fields = (JsonObject)JsonNode.Parse(message.Fields)!;
        foreach (string flag in Names)
        {
            isLearned &= fields[flag] is not { } value || (flag == Masked) != (YesOrNo(value)
                ?? throw new DataException($"{where}: {name}.{flag} is {value.ToJsonString()}; a turn is learned or "
                    + "not, so expected 0, 1, true or false"));
        }

        return isLearned;
    }

    private static bool? YesOrNo(JsonNode value) => value.GetValueKind() switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Number => GroundTruth.CanonicalNumber(value.ToJsonString()) switch
        {
            "1" => true,
            "0" => false,
            _ => null,
        },
        _ => null,
    };
}
