using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Data.Sources;
using Tbrm.Engine.Rollout;
using Tbrm.Training.Prompts;
using Tbrm.Training.Sessions;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Evaluation;

/// <summary>Problems with how responses to them are sampled and graded: one benchmark, or the validation set of a
/// run.</summary>
public sealed class EvaluationSet
{
    /// <summary>Ids of a problem's samples lie in a block of this size, so that sampling more of them does not change
    /// the first ones.</summary>
    private const long SamplesPerProblem = 1L << 16;

    private EvaluationSet(string name, RunConfig config, IReadOnlyList<EncodedPrompt> prompts, RewardStage reward,
        SamplingOptions sampling)
    {
        Name = name;
        Samples = config.Rollout.ValKwargs.N;
        Prompts = prompts;
        Reward = reward;
        Sampling = sampling;
    }

    /// <summary>The preset's name; empty for the configuration's own evaluation prompts.</summary>
    public string Name { get; }

    /// <summary>What a user has to know of its files: rows that were left out, columns that nothing reads.</summary>
    public IReadOnlyList<string> Notes { get; private set; } = [];

    /// <summary>A sentence on the tasks of a mixture that none of the problems is of; null when there are
    /// none.</summary>
    public string? Unasked { get; private init; }

    /// <summary>Responses per problem.</summary>
    public int Samples { get; }

    /// <summary>The problems.</summary>
    public IReadOnlyList<EncodedPrompt> Prompts { get; }

    /// <summary>Grades the responses.</summary>
    public RewardStage Reward { get; }

    /// <summary>How responses are sampled.</summary>
    public SamplingOptions Sampling { get; }

    /// <summary>Tokens of the longest prompt with the longest response.</summary>
    public int Longest => Prompts.Max(p => p.Ids.Length) + Sampling.MaxNewTokens;

    /// <summary>Responses to sample.</summary>
    public int Responses => Prompts.Count * Samples;

    /// <summary>The evaluation prompts of the session's own configuration.</summary>
    public static EvaluationSet Of(TrainingSession session)
    {
        IPromptSource source = session.Validation
            ?? throw new ConfigException(
            "there is nothing to evaluate on: set data.val_files, data.task or data.tasks");
        return Create(session, session.Config, "", source, session.Encoder, session.Reward);
    }

    /// <summary>The evaluation prompts of another configuration: its files, template, lengths, sampling and grader, the
    /// session's model.</summary>
    /// <param name="session">The model and its tokenizer.</param>
    /// <param name="config">The rest.</param>
    /// <param name="name">The set's name; when it is not empty it stands in for the rows' data sources.</param>
    public static EvaluationSet Load(TrainingSession session, RunConfig config, string name)
    {
        PromptEncoder encoder = new(session.Tokenizer, session.TokenizerFolder, config.Data);
        PromptSources prompts = new(config, name.Length > 0 ? name : null);
        prompts.LoadFiles(encoder);
        IPromptSource source = prompts.Validation
            ?? throw new ConfigException(
            "there is nothing to evaluate on: set data.val_files, data.task or data.tasks");
        EvaluationSet set = Create(
            session, config, name, source, encoder, new(prompts.Grader, session.Tokenizer, config.Reward));
        set.Notes = prompts.Notes;
        return set;
    }

    /// <summary>The requests for all responses; sample j of problem i has an id of its own whatever n is.</summary>
    internal IEnumerable<RolloutRequest> Requests() =>
        Prompts.Select((prompt, i) =>
            new RolloutRequest(prompt.Ids, [.. Enumerable.Range(0, Samples).Select(j => (i * SamplesPerProblem) + j)],
            i));

    /// <summary>Which sample of its problem an id stands for.</summary>
    internal static int SampleOf(long id) => (int)(id % SamplesPerProblem);

    private static EvaluationSet Create(
        TrainingSession session, RunConfig config, string name, IPromptSource source, PromptEncoder encoder,
            RewardStage reward)
    {
        List<EncodedPrompt> prompts = [];
        for (long i = 0; i < source.Count; i++)
        {
            prompts.Add(encoder.Encode(source.Get(i)));
        }

        SamplingOptions sampling =
            SamplingSettings.Evaluation(config, name, session.Tokenizer, session.Policy, session.StopIds);
        int longest = prompts.Max(p => p.Ids.Length) + sampling.MaxNewTokens;
        if (longest > session.Policy.Options.MaxPositions)
        {
            throw new ConfigException(
                $"the longest prompt and response need {longest} positions, the model was opened for "
                    + $"{session.Policy.Options.MaxPositions}; raise model.max_positions or lower "
                    + $"rollout.val_kwargs.max_response_length");
        }

        return new(name, config, prompts, reward, sampling) { Unasked = TasksWithout(config.Data, prompts) };
    }

    /// <summary>Each problem's task is chosen at random by its weight, so that a few problems may leave some
    /// out.</summary>
    private static string? TasksWithout(DataConfig data, List<EncodedPrompt> prompts)
    {
        if (data.ValFiles.Count > 0)
        {
            return null;
        }

        string[] without = [.. data.Tasks.Select(t => t.Name).Except(prompts.Select(p => p.Prompt.DataSource))];
        return without.Length == 0 ? null
            : $"none of the {prompts.Count} held-out problems is of {string.Join(", ", without)}, so the evaluation "
                + "says nothing of it; raise data.task_val_size, or its weight in data.tasks";
    }
}
