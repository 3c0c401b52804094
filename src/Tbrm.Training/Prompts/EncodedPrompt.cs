using Tbrm.Core;

namespace Tbrm.Training;

/// <summary>A prompt with its token ids, template included.</summary>
public sealed record EncodedPrompt(Prompt Prompt, int[] Ids);
