using System;

namespace Tbrm.Theory.Tabular;

/// <summary>
/// All sequences of a vocabulary up to a horizon as a tree: a state is a prefix, a trajectory a path from the root to a
/// leaf, numbered in the order of its tokens. A policy or a Q-function over it is a table of logits, one row of
/// <see cref="Vocabulary"/> numbers per state.
/// </summary>
public sealed class TokenTree
{
    private readonly int[] _firstState, _leavesBelow;

    /// <summary>Every sequence of <paramref name="horizon"/> tokens out of <paramref name="vocabulary"/>.</summary>
    public TokenTree(int vocabulary, int horizon)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabulary, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(horizon, 1);
        (Vocabulary, Horizon) = (vocabulary, horizon);
        (_firstState, _leavesBelow) = (new int[horizon + 1], new int[horizon + 1]);
        int width = 1;
        for (int h = 0; h < horizon; h++)
        {
            _firstState[h + 1] = _firstState[h] + width;
            width = checked(width * vocabulary);
        }

        SequenceCount = width;
        for (int h = 0; h <= horizon; h++)
        {
            _leavesBelow[h] = width;
            width /= vocabulary;
        }
    }

    /// <summary>Tokens to choose from.</summary>
    public int Vocabulary { get; }

    /// <summary>H, tokens of a trajectory.</summary>
    public int Horizon { get; }

    /// <summary>Trajectories.</summary>
    public int SequenceCount { get; }

    /// <summary>States with a choice: all prefixes shorter than the horizon.</summary>
    public int StateCount => _firstState[Horizon];

    /// <summary>Numbers of a table: states times vocabulary.</summary>
    public int TableSize => StateCount * Vocabulary;

    /// <summary>Prefixes of <paramref name="h"/> tokens.</summary>
    public int PrefixCount(int h) => SequenceCount / _leavesBelow[h];

    /// <summary>The first <paramref name="h"/> tokens of a sequence, numbered among the prefixes of that
    /// length.</summary>
    public int Prefix(int sequence, int h) => sequence / _leavesBelow[h];

    /// <summary>The state in which the sequence chooses its token number <paramref name="h"/>, counted from
    /// 0.</summary>
    public int State(int sequence, int h) => _firstState[h] + Prefix(sequence, h);

    /// <summary>That token.</summary>
    public int Token(int sequence, int h) => Prefix(sequence, h + 1) % Vocabulary;

    /// <summary>log sum exp of every state's row, nats, [states].</summary>
    /// <param name="logits">A table.</param>
    public double[] Values(ReadOnlySpan<double> logits)
    {
        double[] values = new double[StateCount];
        for (int s = 0; s < values.Length; s++)
        {
            values[s] = LogSumExp(logits.Slice(s * Vocabulary, Vocabulary));
        }

        return values;
    }

    /// <summary>log pi of every sequence under the softmax of a table, nats, [sequences].</summary>
    public double[] LogProbabilities(ReadOnlySpan<double> logits)
    {
        double[] values = Values(logits), log = new double[SequenceCount];
        for (int n = 0; n < log.Length; n++)
        {
            for (int h = 0; h < Horizon; h++)
            {
                int state = State(n, h);
                log[n] += logits[state * Vocabulary + Token(n, h)] - values[state];
            }
        }

        return log;
    }

    /// <summary>log sum_i exp(z_i), without overflow.</summary>
    public static double LogSumExp(ReadOnlySpan<double> z)
    {
        double max = double.NegativeInfinity, sum = 0;
        foreach (double x in z)
        {
            max = Math.Max(max, x);
        }

        foreach (double x in z)
        {
            sum += Math.Exp(x - max);
        }

        return max + Math.Log(sum);
    }
}
