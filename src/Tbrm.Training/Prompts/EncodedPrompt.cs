using Tbrm.Core.Prompts;

namespace Tbrm.Training.Prompts;

/// <summary>A prompt with its token ids, template included.</summary>
public sealed record EncodedPrompt(Prompt Prompt, int[] Ids);
