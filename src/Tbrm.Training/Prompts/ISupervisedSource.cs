using Tbrm.Data.Sources;
using Tbrm.Engine.Logprob;

namespace Tbrm.Training.Prompts;

/// <summary>Examples by number, in tokens: what supervised steps learn from. The same index gives the same
/// example.</summary>
public interface ISupervisedSource
{
    /// <summary>How many there are; null when the source never ends.</summary>
    long? Count { get; }

    /// <summary>The example at <paramref name="index"/>.</summary>
    ScoredSequence Get(long index);
}

/// <summary>A task's problems, or prompts with a ground truth, and the response that is shown for each.</summary>
internal sealed class DemonstrationSource(IPromptSource prompts, PromptEncoder encoder, Demonstrations demonstrations,
    int maxTokens) : ISupervisedSource
{
    public long? Count => prompts.Count;

    public ScoredSequence Get(long index)
    {
        Core.Prompts.Prompt prompt = prompts.Get(index);
        int[] response = encoder.EncodeResponse(prompt, demonstrations.Of(prompt));
        int[] ended = encoder.Tokenizer.EosId is int eos ? [.. response, eos] : response;
        return new(encoder.Encode(prompt).Ids, ended.Length > maxTokens ? ended[..maxTokens] : ended);
    }
}
