using System.Collections.Generic;

namespace Tbrm.Training.Progress;

/// <summary>A response as people read it while a run goes on.</summary>
/// <param name="Prompt">The last turn that the model was given.</param>
/// <param name="Response">Its answer.</param>
/// <param name="Score">The grader's score.</param>
public sealed record PrintedSample(string Prompt, string Response, double Score);

/// <summary>Where people see how a run goes on: a terminal, or nowhere. Numbers for programs go elsewhere.</summary>
public interface IProgressDisplay
{
    /// <summary>The run begins its steps: <paramref name="done"/> of <paramref name="total"/> are made.</summary>
    void Begin(long done, long total);

    /// <summary>A sentence that stays on the screen.</summary>
    void Say(string message);

    /// <summary>A sentence about something that is wrong.</summary>
    void Warn(string message);

    /// <summary>The state of a phase: replaced by the next. <paramref name="fraction"/> in [0, 1].</summary>
    void Show(string phase, double fraction, string detail);

    /// <summary>Some responses of a step.</summary>
    void ShowSamples(long step, IReadOnlyList<PrintedSample> samples);

    /// <summary>Ends the display of the phase.</summary>
    void Clear();
}

/// <summary>Shows nothing.</summary>
public sealed class SilentProgress : IProgressDisplay
{
    /// <inheritdoc/>
    public void Begin(long done, long total)
    {
    }

    /// <inheritdoc/>
    public void Say(string message)
    {
    }

    /// <inheritdoc/>
    public void Warn(string message)
    {
    }

    /// <inheritdoc/>
    public void Show(string phase, double fraction, string detail)
    {
    }

    /// <inheritdoc/>
    public void ShowSamples(long step, IReadOnlyList<PrintedSample> samples)
    {
    }

    /// <inheritdoc/>
    public void Clear()
    {
    }
}
