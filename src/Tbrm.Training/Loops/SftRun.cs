using System.Globalization;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Data.Sampling;
using Tbrm.Training.Progress;
using Tbrm.Training.Ranks;
using Tbrm.Training.Runs;
using Tbrm.Training.Sessions;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Loops;

/// <summary>A supervised run as its loop sees it: the verb sft, or the warm start of train.</summary>
public sealed class SftRun : IRunStep
{
    private readonly TrainingSession _session;
    private readonly PhaseClock? _clock;
    private readonly SftStep _step;
    private TrainedModel? _model;

    private SftRun(TrainingSession session, string verb, SupervisedSources sources, PhaseClock? clock, RankSet? ranks)
    {
        _session = session;
        _clock = clock;
        Verb = verb;
        Sources = sources;
        try
        {
            _step = new(total => (ITrainedPolicy)(_model = ModelOf(session, total, ranks)), session.Config,
                sources.Train);
        }
        catch (ConfigException e) when (sources.Note.Length > 0)
        {
            // Too few examples: why the others are none is not said yet.
            throw new ConfigException($"{e.Message}; {sources.Note}", e);
        }
    }

    /// <summary>What is learned from, and what the loss is measured on.</summary>
    public SupervisedSources Sources { get; }

    /// <inheritdoc/>
    public string Verb { get; }

    /// <inheritdoc/>
    public long TotalSteps => _step.TotalSteps;

    /// <inheritdoc/>
    public SamplerState Sampler => _step.SamplerState;

    /// <inheritdoc/>
    public bool IsReady => true;

    /// <inheritdoc/>
    public bool SavesStepZero => false;

    /// <summary>The verb sft; reads its files, until <paramref name="stop"/>.</summary>
    internal static SftRun Of(OpenRun run, PhaseClock clock, RankSet? ranks, CancellationToken stop) =>
        new(run.Session, RunState.Sft, SupervisedSources.Of(run.Session, isWarmStart: false, stop), clock, ranks);

    /// <summary>The steps before a train run's first, whose time is counted as a whole.</summary>
    internal static SftRun OfWarmStart(OpenRun run, RankSet? ranks, CancellationToken stop) =>
        new(run.Session, RunState.WarmStart, SupervisedSources.Of(run.Session, isWarmStart: true, stop), clock: null,
            ranks);

    /// <inheritdoc/>
    public void Begin(CancellationToken stop)
    {
    }

    /// <inheritdoc/>
    public void Restore(string checkpoint, SamplerState sampler, CancellationToken stop)
    {
        _model!.Restore(checkpoint);
        _step.Restore(sampler);
    }

    /// <inheritdoc/>
    public void Prepare(long done, CancellationToken stop)
    {
    }

    /// <inheritdoc/>
    public StepResult? Run(long step, CancellationToken stop)
    {
        SftOutcome outcome = _clock is null ? _step.Run(step, stop)
            : _clock.Measure("update_actor", () => _step.Run(step, stop));
        return new(outcome.Metrics, new(outcome.Tokens), outcome.Update)
        {
            Progress = string.Create(CultureInfo.InvariantCulture, $"loss {outcome.Loss:F3}"),
        };
    }

    /// <summary>Loss on held-out examples, nats per token.</summary>
    public double HeldOutLoss(CancellationToken stop) => _step.Measure(Sources.HeldOut!, stop);

    /// <inheritdoc/>
    public void Save(string checkpoint)
    {
        _model!.Save(checkpoint);
        if (_session.Policy.Adapter is not null)
        {
            BaseModelRecord.Write(RunState.BaseRecordPathOf(checkpoint), _session.Config.Model.Path);
        }
    }

    /// <inheritdoc/>
    public string Outcome(string checkpoint) => OutcomeOf(_session, checkpoint);

    /// <summary>Where the trained model, or the adapter, lies.</summary>
    internal static string OutcomeOf(TrainingSession session, string checkpoint) =>
        session.Policy.Adapter is null ? $"model: {RunState.ModelFolderOf(checkpoint)}"
            : $"adapter: {RunState.AdapterFolderOf(checkpoint)}";

    /// <inheritdoc/>
    public void Dispose() => _model?.Dispose();

    private static TrainedModel ModelOf(TrainingSession session, long totalSteps, RankSet? ranks)
    {
        SftConfig sft = session.Config.Sft;
        return ranks is null ? new TrainedPolicy(session.Policy, sft.Optim, sft.GradClip, totalSteps)
            : new RankedPolicy(ranks, sft.Optim, sft.GradClip, session.Config.Actor.PpoMaxTokenLenPerGpu, totalSteps);
    }
}
