using Tbrm.Data.Sources;
using Tbrm.Engine.Logprob;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Prompts;

/// <summary>Examples by number, in tokens: what supervised steps learn from. The same index gives the same example.</summary>
public interface ISupervisedSource
{
    /// <summary>How many there are; null when the source never ends.</summary>
    long? Count { get; }

    /// <summary>The example at <paramref name="index"/>.</summary>
    ScoredSequence Get(long index);
}

/// <summary>A task's problems, or prompts with a ground truth, and the response that is shown for each.</summary>
internal sealed class DemonstrationSource(IPromptSource prompts, TrainingSession session) : ISupervisedSource
{
    public long? Count => prompts.Count;

    public ScoredSequence Get(long index)
    {
        Core.Prompts.Prompt prompt = prompts.Get(index);
        int[] response = session.Encoder.EncodeResponse(prompt, session.Demonstrations.Of(prompt));
        int[] ended = session.Tokenizer.EosId is int eos ? [.. response, eos] : response;
        int limit = session.Config.Data.MaxResponseLength;
        return new(session.Encoder.Encode(prompt).Ids, ended.Length > limit ? ended[..limit] : ended);
    }
}
