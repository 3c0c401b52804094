using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading;
using Tbrm.Core.Rollouts;
using Tbrm.Data.Trajectories;
using Tbrm.Engine.Checkpoint;
using Tbrm.Engine.Models;
using Tbrm.Engine.Rollout;
using Tbrm.Training.Plans;
using Tbrm.Training.Progress;
using Tbrm.Training.Prompts;
using Tbrm.Training.Runs;
using Tbrm.Training.Sessions;
using Tbrm.Training.Steps;
using Tbrm.Training.Trajectories;

namespace Tbrm.Training.Loops;

/// <summary>Stage 1 of A*-PO: samples the reference policy for the value of every prompt, before the first step and
/// once.</summary>
internal sealed class ValueEstimation(RunFolder folder, TrainingSession session, ReferencePolicy reference,
    IProgressDisplay progress) : IDisposable
{
    /// <summary>Its name among the phases of a run.</summary>
    public const string Phase = "v_star";

    private readonly OptimalValues _values = new(PathIn(folder), session.Config);
    private readonly StepRewards _rewards = new(session.Config);
    private RolloutStage? _rollout;
    private bool _isTidy;

    /// <summary>A run that begins has another reference than the one that was in its folder before.</summary>
    public static void Forget(RunFolder folder)
    {
        File.Delete(PathIn(folder));
        File.Delete(SamplesIn(folder));
    }

    /// <summary>Estimates the values of all batches to come; what is known is not sampled again.</summary>
    /// <param name="next">The batches; null at their end.</param>
    /// <param name="batches">The most that will be asked for.</param>
    /// <param name="stop">Stops between two batches; what is known stays known.</param>
    public void Prepare(Func<IReadOnlyList<EncodedPrompt>?> next, long batches, CancellationToken stop)
    {
        int before = _values.Count;
        for (long i = 0; i < batches && next() is { } prompts; i++)
        {
            Ensure(prompts, stop);
            progress.Show("V*", (double)(i + 1) / batches, $"{_values.Count} prompts");
        }

        progress.Clear();
        if (_values.Count > before)
        {
            progress.Say(
                $"V* of {_values.Count} prompts is estimated, {session.Config.Algorithm.AStarPo.NumGenToUse} samples "
                    + $"of the reference each: {PathIn(folder)}");
        }

        Close();
    }

    /// <summary>Prompts that may be trained on: all, or those that the reference solved at least once.</summary>
    public IReadOnlyList<EncodedPrompt> Usable(IReadOnlyList<EncodedPrompt> prompts)
    {
        Ensure(prompts, CancellationToken.None);
        return session.Config.Algorithm.AStarPo.FilterIncorrect ? [.. prompts.Where(_values.IsEverRewarded)] : prompts;
    }

    /// <summary>V*(x), reward units.</summary>
    public double Of(EncodedPrompt prompt) => _values.Of(prompt);

    /// <inheritdoc/>
    public void Dispose() => Close();

    private void Ensure(IReadOnlyList<EncodedPrompt> prompts, CancellationToken stop)
    {
        IReadOnlyList<EncodedPrompt> missing = _values.Missing(prompts);
        if (missing.Count == 0)
        {
            return;
        }

        RolloutRequest[] requests = [.. missing.Select((p, i) => new RolloutRequest(p.Ids, _values.IdsOf(p), i))];
        IReadOnlyList<Trajectory> trajectories = reference.Sampled(policy =>
        {
            _rollout ??= new(policy, session.Tokenizer, session.Config, session.StopIds,
                MemoryPlan.HeldBytes(session.Policy, session.Config));
            return _rollout.OfReference(requests, stop);
        });
        GradedResponse[] graded = session.Reward.Grade(missing, trajectories, stop);
        // Before the values: a kill in between leaves samples of prompts whose values are not known, which the next
        // process drops.
        Append(missing, trajectories, graded);
        _values.Add([.. missing.Select((p, i) => (p, Enumerable.Range(0, trajectories.Count)
            .Where(t => trajectories[t].Group == i && !graded[t].Grade.IsFailure)
                .Select(t => _rewards.Of(trajectories[t], graded[t].Grade)).ToArray()))]);
    }

    private void Close()
    {
        _rollout?.Dispose();
        _rollout = null;
    }

    /// <summary>The samples themselves, as trajectories that training reads: the reference sampled them, so its
    /// log-probs are theirs.</summary>
    private void Append(IReadOnlyList<EncodedPrompt> prompts, IReadOnlyList<Trajectory> trajectories,
        GradedResponse[] graded)
    {
        string path = SamplesIn(folder);
        if (!_isTidy && File.Exists(path))
        {
            RunFolder.WriteText(path,
                string.Concat(File.ReadLines(path).Where(IsOfKnownPrompt).Select(line => line + "\n")));
        }

        _isTidy = true;
        float temperature = ActorUpdate.TemperatureOf(session.Config);
        IEnumerable<string> lines =
            trajectories.Select((t, i) =>
            TrajectoryRow.Of(0, temperature, session.Tokenizer, prompts[t.Group], t with { Group = 0 }, graded[i]))
            .Select(row =>
            {
                row.Remove(TrajectoryKeys.Group);
                return row.ToJsonString() + "\n";
            });
        DiskErrors.Translated($"writing {path}", () => File.AppendAllText(path, string.Concat(lines)));
    }

    /// <summary>Whether a line is whole, and of a prompt whose value is known.</summary>
    private bool IsOfKnownPrompt(string line)
    {
        try
        {
            return JsonNode.Parse(line)?[TrajectoryKeys.PromptIds]?.Deserialize<int[]>() is { } ids
                && _values.IsKnown(ids);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static string SamplesIn(RunFolder folder) => Path.Combine(folder.Root, "v_star.trajectories.jsonl");

    private static string PathIn(RunFolder folder) => Path.Combine(folder.Root, "v_star.jsonl");
}
