using System;

namespace Tbrm.Training.Loops;

/// <summary>The steps of a phase, one after the other: a whole run's, or those of its warm start.</summary>
internal static class StepLoop
{
    /// <summary>Makes steps until the last, until the data end, or until too many updates in a row could not be
    /// made.</summary>
    /// <param name="done">The last step that was made before.</param>
    /// <param name="total">The last step.</param>
    /// <param name="updates">Counts the updates.</param>
    /// <param name="make">Makes a step; null when the data are at their end.</param>
    /// <param name="after">Takes in a step that counts: its number, what it gave, updates made so far.</param>
    /// <param name="gaveUp">Takes in the step at which the patience ends; null when nothing is recorded of it.</param>
    /// <returns>Why the phase came to nothing; null when it did not.</returns>
    public static string? Run(long done, long total, UpdateCount updates, Func<long, StepResult?> make,
        Action<long, StepResult, long> after, Action<long, StepResult>? gaveUp)
    {
        for (long step = done + 1; step <= total; step++)
        {
            if (make(step) is not { } result)
            {
                break;
            }

            updates.Add(result.Update);
            if (updates.Patience(step) is { } reason)
            {
                gaveUp?.Invoke(step, result);
                return reason;
            }

            after(step, result, updates.Made);
            done = step;
        }

        return updates.Outcome(done);
    }
}
