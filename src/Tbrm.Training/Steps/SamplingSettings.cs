using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Security.Cryptography;
using System.Text;
using Tbrm.Core.Config;
using Tbrm.Engine.Models;
using Tbrm.Engine.Rollout;
using Tbrm.Text.Tokenizers;

namespace Tbrm.Training.Steps;

/// <summary>The configuration's sampling settings as the engine takes them.</summary>
internal static class SamplingSettings
{
    /// <summary>How training samples.</summary>
    public static SamplingOptions Train(RunConfig config, ITokenizer tokenizer, Policy policy,
        IReadOnlyList<int> stopIds) => new()
        {
            MaxNewTokens = config.Data.MaxResponseLength,
            Temperature = (float)config.Rollout.Temperature,
            TopP = (float)config.Rollout.TopP,
            TopK = Math.Max(0, config.Rollout.TopK),
            MinP = (float)config.Rollout.MinP,
            RepetitionPenalty = (float)config.Rollout.RepetitionPenalty,
            Seed = (ulong)config.Trainer.Seed,
            SampledVocabSize = Math.Min(tokenizer.VocabularySize, policy.Architecture.VocabSize),
            StopIds = (int[])[.. stopIds],
            StopStrings = [.. config.Rollout.Stop],
        };

    /// <summary>How evaluation samples.</summary>
    /// <param name="config">Whose <c>rollout.val_kwargs</c> count.</param>
    /// <param name="set">The evaluation set's name, empty for the configuration's own: sets do not share random
    /// streams.</param>
    /// <param name="tokenizer">The policy's.</param>
    /// <param name="policy">The policy.</param>
    /// <param name="stopIds">Ids that end a response.</param>
    public static SamplingOptions Evaluation(RunConfig config, string set, ITokenizer tokenizer, Policy policy,
        IReadOnlyList<int> stopIds)
    {
        ValKwargsConfig val = config.Rollout.ValKwargs;
        return Train(config, tokenizer, policy, stopIds) with
        {
            MaxNewTokens = val.MaxResponseLength > 0 ? val.MaxResponseLength : config.Data.MaxResponseLength,
            Temperature = val.DoSample ? (float)val.Temperature : 0,
            TopP = val.DoSample ? (float)val.TopP : 1,
            TopK = val.DoSample ? Math.Max(0, val.TopK) : 0,
            MinP = 0,
            RepetitionPenalty = 1,
            // Another stream than training's, so that an evaluation samples nothing that training also samples.
            Seed = ~(ulong)config.Trainer.Seed ^ StreamOf(set),
        };
    }

    /// <summary>The most likely response.</summary>
    public static SamplingOptions Greedy(SamplingOptions train) =>
        train with { Temperature = 0, TopP = 1, TopK = 0, MinP = 0, RepetitionPenalty = 1 };

    /// <summary>How a reference policy is sampled: another stream than training's and evaluation's.</summary>
    public static SamplingOptions Reference(SamplingOptions train) =>
        train with { Seed = train.Seed ^ StreamOf("reference") };

    private static ulong StreamOf(string set) =>
        set.Length == 0 ? 0 : BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(set)));
}
