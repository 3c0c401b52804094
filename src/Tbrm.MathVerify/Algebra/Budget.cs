using System;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Tbrm.MathVerify.Algebra;

/// <summary>
/// The limit under which one answer is graded: a number of steps. Every loop, every recursion and every operation on
/// long numbers pays for its
/// work, so that the same answer ends in the same grade on every machine, whatever its load. The cancellation token is
/// the emergency brake.
/// </summary>
internal sealed class Budget
{
    /// <summary>Steps after which an answer is given up; a step is about 50 ns of work, so that this is about a second
    /// on one core.</summary>
    public const long DefaultSteps = 20_000_000;

    private const long PollEvery = 2048;

    [ThreadStatic]
    private static Budget? s_current;

    private readonly CancellationToken _stop;
    private readonly long _steps;
    private long _left;
    private long _nextPoll;

    /// <summary>A budget of its own.</summary>
    public Budget(CancellationToken stop, long steps = DefaultSteps)
    {
        _stop = stop;
        _steps = steps;
        _left = steps;
        _nextPoll = steps - PollEvery;
    }

    /// <summary>The steps paid for so far.</summary>
    public long Spent => _steps - _left;

    /// <summary>Pays out of the budget that this thread works under, for code that is handed none; nothing where there
    /// is none.</summary>
    public static void Charge(long steps) => s_current?.Spend(steps);

    /// <summary>Does work under this budget.</summary>
    public T Run<T>(Func<T> work)
    {
        Budget? outer = s_current;
        s_current = this;
        try
        {
            return work();
        }
        finally
        {
            s_current = outer;
        }
    }

    /// <summary>Pays for <paramref name="steps"/> units of work.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="BudgetExceededException">The steps are used up.</exception>
    public void Spend(long steps = 1)
    {
        if (steps > _left)
        {
            throw new BudgetExceededException();
        }

        _left -= steps;
        if (_left <= _nextPoll)
        {
            _stop.ThrowIfCancellationRequested();
            _nextPoll = _left - PollEvery;
        }
    }

    /// <summary>Pays for one level of recursion and makes sure that the stack has room for it.</summary>
    /// <exception cref="InsufficientExecutionStackException">The expression is nested too deeply.</exception>
    public void Descend()
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        Spend(2);
    }
}

/// <summary>The steps of a <see cref="Budget"/> are used up.</summary>
internal sealed class BudgetExceededException : Exception
{
    public BudgetExceededException() : base("the answer takes more steps than one answer may")
    {
    }
}

/// <summary>A value that the algebra cannot or will not compute: outside a function's domain, too large, or
/// undefined.</summary>
internal sealed class NotComputableException(string message) : Exception(message);
