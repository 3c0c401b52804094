using System;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Tbrm.Verify.Algebra;

/// <summary>
/// The limit under which one answer is judged: a cancellation token and a number of steps. Every loop and every recursion
/// of the algebra polls it, so a judgement ends on its own thread and leaves nothing running behind.
/// </summary>
internal sealed class Budget(CancellationToken stop, long steps = Budget.DefaultSteps)
{
    /// <summary>Steps after which a judgement is given up; about three seconds of work on one core.</summary>
    public const long DefaultSteps = 20_000_000;

    private const long PollEvery = 256;
    private long _left = steps;
    private long _nextPoll = steps - PollEvery;

    /// <summary>The token behind the budget, for work that polls it by itself.</summary>
    public CancellationToken Stop => stop;

    /// <summary>Pays for <paramref name="steps"/> units of work.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="BudgetExceededException">The steps are used up.</exception>
    public void Spend(long steps = 1)
    {
        _left -= steps;
        if (_left > _nextPoll)
        {
            return;
        }

        stop.ThrowIfCancellationRequested();
        if (_left < 0)
        {
            throw new BudgetExceededException();
        }

        _nextPoll = _left - PollEvery;
    }

    /// <summary>Pays for one level of recursion and makes sure that the stack has room for it.</summary>
    /// <exception cref="InsufficientExecutionStackException">The expression is nested too deeply.</exception>
    public void Descend()
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        Spend();
    }
}

/// <summary>The steps of a <see cref="Budget"/> are used up: the same outcome as a wall-clock time-out.</summary>
internal sealed class BudgetExceededException : Exception
{
    public BudgetExceededException() : base("the step limit of one judgement is used up")
    {
    }
}

/// <summary>A value that the algebra cannot or will not compute: outside a function's domain, too large, or undefined.</summary>
internal sealed class NotComputableException(string message) : Exception(message);
