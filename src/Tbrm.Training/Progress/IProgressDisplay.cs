namespace Tbrm.Training.Progress;

/// <summary>Where people see how a run goes on: stderr of a terminal, or nowhere. Numbers for programs go elsewhere.</summary>
public interface IProgressDisplay
{
    /// <summary>A sentence that stays on the screen.</summary>
    void Say(string message);

    /// <summary>The state of a phase: replaced by the next. <paramref name="fraction"/> in [0, 1].</summary>
    void Show(string phase, double fraction, string detail);

    /// <summary>Ends the display of the phase.</summary>
    void Clear();
}

/// <summary>Shows nothing.</summary>
public sealed class SilentProgress : IProgressDisplay
{
    /// <inheritdoc/>
    public void Say(string message)
    {
    }

    /// <inheritdoc/>
    public void Show(string phase, double fraction, string detail)
    {
    }

    /// <inheritdoc/>
    public void Clear()
    {
    }
}
