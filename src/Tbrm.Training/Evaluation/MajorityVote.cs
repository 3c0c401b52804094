using System;
using System.Collections.Generic;

namespace Tbrm.Training.Evaluation;

/// <summary>Majority vote over the extracted answers to one problem.</summary>
public static class MajorityVote
{
    /// <summary>
    /// Numbers the answers: equal ones get equal numbers, from 0 in the order of appearance. Not having answered is a
    /// vote as well, as in verl.
    /// </summary>
    /// <param name="answers">As extracted; null for none.</param>
    /// <param name="same">Whether two different texts are the same answer; null when only equal texts are.</param>
    public static int[] Votes(IReadOnlyList<string?> answers, Func<string, string, bool>? same = null)
    {
        int[] votes = new int[answers.Count];
        List<string?> distinct = [];
        Dictionary<string, int> known = new(StringComparer.Ordinal);
        int none = -1;
        for (int i = 0; i < votes.Length; i++)
        {
            if (answers[i]?.Trim() is not string answer)
            {
                none = none >= 0 ? none : Add(distinct, null);
                votes[i] = none;
                continue;
            }

            if (!known.TryGetValue(answer, out int vote))
            {
                vote = same is null ? -1 : distinct.FindIndex(first => first is not null && same(first, answer));
                vote = vote >= 0 ? vote : Add(distinct, answer);
                known.Add(answer, vote);
            }

            votes[i] = vote;
        }

        return votes;
    }

    /// <summary>The place of the first response with the winning vote; of equally frequent votes the one seen first
    /// wins.</summary>
    public static int Winner(ReadOnlySpan<int> votes)
    {
        int largest = 0;
        foreach (int vote in votes)
        {
            largest = Math.Max(largest, vote);
        }

        int[] counts = new int[largest + 1];
        int most = 0;
        foreach (int vote in votes)
        {
            most = Math.Max(most, ++counts[vote]);
        }

        for (int i = 0; i < votes.Length; i++)
        {
            if (counts[votes[i]] == most)
            {
                return i;
            }
        }

        throw new ArgumentException("a vote without voters has no winner", nameof(votes));
    }

    private static int Add(List<string?> distinct, string? answer)
    {
        distinct.Add(answer);
        return distinct.Count - 1;
    }
}
