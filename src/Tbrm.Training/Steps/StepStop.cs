using System.Threading;

namespace Tbrm.Training.Steps;

/// <summary>
/// Stops a step, but only until its first update: once weights have changed, the step is made to its end, so that a run
/// that is stopped and saved
/// goes on with the bits of one that was not.
/// </summary>
internal sealed class StepStop(CancellationToken stop)
{
    private bool _isUpdating;

    /// <summary>What stages listen to.</summary>
    public CancellationToken Token => _isUpdating ? CancellationToken.None : stop;

    /// <summary>The first update is made.</summary>
    public void BeginUpdating() => _isUpdating = true;
}
