using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Data.Sampling;
using Tbrm.Objectives;
using Tbrm.Training.Config;
using Tbrm.Training.Prompts;
using Tbrm.Training.Sessions;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Trajectories;

/// <summary>The sources of a run's trajectories besides its rollout: files of data.trajectories, the replay buffer; and
/// where they stand.</summary>
internal sealed class TrainSources : IDisposable
{
    private readonly RunConfig _config;
    private readonly IReadOnlyList<(FileSource Source, double Share)> _files;
    private readonly ReplayPool? _pool;

    private TrainSources(RunConfig config, IReadOnlyList<(FileSource Source, double Share)> files, ReplayPool? pool,
        IReadOnlyList<string> notes)
    {
        _config = config;
        _files = files;
        _pool = pool;
        Notes = notes;
    }

    /// <summary>What a user has to know of the files.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>Whether nothing is sampled: the files are all there is.</summary>
    public bool IsOffline => _config.Rollout.N == 0;

    /// <summary>Where the files of an offline run stand, which is where its data stand.</summary>
    public SamplerState Offline => _files[0].Source.State;

    /// <summary>Steps of an offline epoch.</summary>
    public long StepsPerEpoch => _files[0].Source.BatchesPerEpoch / _config.Replay.Updates;

    /// <summary>Prompts of rows that have to be graded.</summary>
    public IEnumerable<Prompt> Ungraded => _files.SelectMany(f => f.Source.All).Where(r => r.Graded is null)
        .Select(r => r.Prompt.Prompt);

    /// <summary>Whether no reference policy is needed: nothing is sampled, the reference stays what it is, and every
    /// trajectory has its numbers.</summary>
    /// <param name="needs">What the algorithm needs.</param>
    public bool BringReference(Needs needs) => IsOffline && _config.Ref.ResetSteps == 0 && !needs.HasFlag(Needs.VStar)
        && _files.SelectMany(f => f.Source.All).All(r => ReferenceStage.Has(r.Trajectory, needs, _config));

    /// <summary>Reads files and makes the buffer.</summary>
    /// <param name="session">Tokenizer, limits, model.</param>
    /// <param name="algorithm">What it compares.</param>
    /// <param name="folder">The run's folder.</param>
    /// <exception cref="DataException">A file cannot be used.</exception>
    public static TrainSources Of(TrainingSession session, AlgorithmSelection algorithm, string folder)
    {
        RunConfig config = session.Config;
        ReplayMix mix = ReplayMix.Of(config);
        TrajectoryFileReader reader =
            new(session.Encoder, config, session.Policy.Architecture.VocabSize, session.StopIds);
        Dictionary<string, TrajectoryFile> read = config.Data.Trajectories.Distinct()
            .ToDictionary(p => p, reader.Read, StringComparer.Ordinal);
        List<(FileSource, double)> files = [];
        foreach ((IReadOnlyList<string> paths, double share) in mix.Files)
        {
            bool isOffline = config.Rollout.N == 0;
            files.Add((new([.. paths.Select(p => read[p])], config.Data,
                perGroup => isOffline && mix.Files.Count == 1 && config.Replay.BatchSize == 0
                    ? config.Data.TrainBatchSize : (int)Math.Round(share * mix.BatchSize(config) / perGroup),
                isOffline ? "data.train_batch_size"
                    : "the number of prompts that replay.mix takes from the files at a time",
                isOffline && config.Trainer.TotalTrainingSteps < 0 ? config.Trainer.TotalEpochs : null), share));
        }

        int perUnit = algorithm.Needs.HasFlag(Needs.Groups) ? config.Rollout.N : 1;
        return new(config, files, config.Replay.Capacity > 0 ? new(config, perUnit, folder) : null,
            TrajectoryFile.Notes(read.Values));
    }

    /// <summary>The sources of a step.</summary>
    /// <param name="rollout">The rollout; unused offline.</param>
    /// <param name="grades">Grades rows of files.</param>
    /// <param name="prepare">Sees prompts of files before they are learned from.</param>
    public IStepSource Source(SampleStage rollout, IGradeStage grades, Action<IReadOnlyList<EncodedPrompt>> prepare) =>
        !IsOffline && _files.Count == 0 && _pool is null && _config.Replay.Updates == 1 && _config.Replay.Mix.Count == 0
            ? rollout
            : new ReplayStage(IsOffline ? null : rollout, grades, prepare, _files, _pool, _config);

    /// <summary>Writes where they stand: the buffer into a file, the files' places into the state.</summary>
    public void Save(string checkpoint, JsonObject state)
    {
        _pool?.Save(checkpoint);
        if (_files.Count > 0)
        {
            state["files"] = new JsonArray([.. _files.Select(f => (JsonNode)f.Source.State.ToJson())]);
        }
    }

    /// <summary>Goes on where a checkpoint stands.</summary>
    public void Restore(string checkpoint, JsonObject state)
    {
        _pool?.Restore(checkpoint);
        JsonArray places = state["files"] as JsonArray ?? [];
        if (places.Count != _files.Count)
        {
            throw new DataException(
                $"{checkpoint}: its run had {places.Count} sources of files, the configuration has {_files.Count}; "
                    + $"give data.trajectories and replay.mix as they were, or start a new run");
        }

        for (int i = 0; i < _files.Count; i++)
        {
            _files[i].Source.Restore(SamplerState.FromJson((JsonObject)places[i]!));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _pool?.Dispose();
}
